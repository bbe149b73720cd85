// Generated from tests/conformance/api_parity.tsv by `generate.rs`, see `main.rs`; changed by no hand.
// Included where `pl` is parking_lot or its mirror.

use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use pl::{
    Condvar, FairMutex, FairMutexGuard, MappedFairMutexGuard, MappedMutexGuard, MappedReentrantMutexGuard,
    MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard, Once, OnceState, RawFairMutex, RawMutex,
    RawRwLock, RawThreadId, ReentrantMutex, ReentrantMutexGuard, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard, WaitTimeoutResult,
};

fn call_oncestate_poisoned_1386(this: OnceState) -> bool {
    <OnceState>::poisoned(this)
}
fn call_oncestate_done_1387(this: OnceState) -> bool {
    <OnceState>::done(this)
}
fn has_oncestate_clone_1388() {
    fn has<X: ?Sized + Clone>() {}
    has::<OnceState>();
}
fn has_oncestate_debug_1389() {
    fn has<X: ?Sized + Debug>() {}
    has::<OnceState>();
}
fn has_oncestate_partialeq_1390() {
    fn has<X: ?Sized + PartialEq>() {}
    has::<OnceState>();
}
fn has_oncestate_copy_1391() {
    fn has<X: ?Sized + Copy>() {}
    has::<OnceState>();
}
fn has_oncestate_eq_1392() {
    fn has<X: ?Sized + Eq>() {}
    has::<OnceState>();
}
fn has_oncestate_refunwindsafe_1395() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<OnceState>();
}
fn has_oncestate_send_1396() {
    fn has<X: ?Sized + Send>() {}
    has::<OnceState>();
}
fn has_oncestate_sync_1397() {
    fn has<X: ?Sized + Sync>() {}
    has::<OnceState>();
}
fn has_oncestate_unpin_1398() {
    fn has<X: ?Sized + Unpin>() {}
    has::<OnceState>();
}
fn has_oncestate_unwindsafe_1399() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<OnceState>();
}
const fn call_pl_const_fair_mutex_1400<T>(val: T) -> FairMutex<T> {
    pl::const_fair_mutex(val)
}
const fn call_pl_const_mutex_1401<T>(val: T) -> Mutex<T> {
    pl::const_mutex(val)
}
const fn call_pl_const_reentrant_mutex_1402<T>(val: T) -> ReentrantMutex<T> {
    pl::const_reentrant_mutex(val)
}
const fn call_pl_const_rwlock_1403<T>(val: T) -> RwLock<T> {
    pl::const_rwlock(val)
}
const fn call_condvar_new_1405() -> Condvar {
    <Condvar>::new()
}
fn call_condvar_notify_one_1406<'this>(this: &'this Condvar) -> bool {
    <Condvar>::notify_one(this)
}
fn call_condvar_notify_all_1407<'this>(this: &'this Condvar) -> usize {
    <Condvar>::notify_all(this)
}
fn call_condvar_wait_1408<'this, T: ?Sized>(
    this: &'this Condvar,
    mutex_guard: &mut MutexGuard<'_, T>,
) {
    <Condvar>::wait(this, mutex_guard)
}
fn call_condvar_wait_until_1409<'this, T: ?Sized>(
    this: &'this Condvar,
    mutex_guard: &mut MutexGuard<'_, T>,
    timeout: Instant,
) -> WaitTimeoutResult {
    <Condvar>::wait_until(this, mutex_guard, timeout)
}
fn call_condvar_wait_for_1410<'this, T: ?Sized>(
    this: &'this Condvar,
    mutex_guard: &mut MutexGuard<'_, T>,
    timeout: Duration,
) -> WaitTimeoutResult {
    <Condvar>::wait_for(this, mutex_guard, timeout)
}
fn call_condvar_wait_while_1411<'this, T, F>(
    this: &'this Condvar,
    mutex_guard: &mut MutexGuard<'_, T>,
    condition: F,
)
where
    T: ?Sized,
    F: FnMut(&mut T) -> bool,
{
    <Condvar>::wait_while(this, mutex_guard, condition)
}
fn call_condvar_wait_while_until_1412<'this, T, F>(
    this: &'this Condvar,
    mutex_guard: &mut MutexGuard<'_, T>,
    condition: F,
    timeout: Instant,
) -> WaitTimeoutResult
where
    T: ?Sized,
    F: FnMut(&mut T) -> bool,
{
    <Condvar>::wait_while_until(this, mutex_guard, condition, timeout)
}
fn call_condvar_wait_while_for_1413<'this, T: ?Sized, F>(
    this: &'this Condvar,
    mutex_guard: &mut MutexGuard<'_, T>,
    condition: F,
    timeout: Duration,
) -> WaitTimeoutResult
where
    F: FnMut(&mut T) -> bool,
{
    <Condvar>::wait_while_for(this, mutex_guard, condition, timeout)
}
fn has_condvar_debug_1414() {
    fn has<X: ?Sized + Debug>() {}
    has::<Condvar>();
}
fn has_condvar_default_1415() {
    fn has<X: ?Sized + Default>() {}
    has::<Condvar>();
}
fn has_condvar_refunwindsafe_1417() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Condvar>();
}
fn has_condvar_send_1418() {
    fn has<X: ?Sized + Send>() {}
    has::<Condvar>();
}
fn has_condvar_sync_1419() {
    fn has<X: ?Sized + Sync>() {}
    has::<Condvar>();
}
fn has_condvar_unpin_1420() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Condvar>();
}
fn has_condvar_unwindsafe_1421() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<Condvar>();
}
const fn call_once_new_1423() -> Once {
    <Once>::new()
}
fn call_once_state_1424<'this>(this: &'this Once) -> OnceState {
    <Once>::state(this)
}
fn call_once_call_once_1425<'this, F>(this: &'this Once, f: F)
where
    F: FnOnce(),
{
    <Once>::call_once(this, f)
}
fn call_once_call_once_force_1426<'this, F>(this: &'this Once, f: F)
where
    F: FnOnce(OnceState),
{
    <Once>::call_once_force(this, f)
}
fn has_once_debug_1427() {
    fn has<X: ?Sized + Debug>() {}
    has::<Once>();
}
fn has_once_default_1428() {
    fn has<X: ?Sized + Default>() {}
    has::<Once>();
}
fn has_once_refunwindsafe_1430() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Once>();
}
fn has_once_send_1431() {
    fn has<X: ?Sized + Send>() {}
    has::<Once>();
}
fn has_once_sync_1432() {
    fn has<X: ?Sized + Sync>() {}
    has::<Once>();
}
fn has_once_unpin_1433() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Once>();
}
fn has_once_unwindsafe_1434() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<Once>();
}
fn has_rawfairmutex_rawmutex_1436() {
    fn has<X: ?Sized + pl::lock_api::RawMutex>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_rawmutexfair_1437() {
    fn has<X: ?Sized + pl::lock_api::RawMutexFair>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_rawmutextimed_1438() {
    fn has<X: ?Sized + pl::lock_api::RawMutexTimed>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_refunwindsafe_1440() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_send_1441() {
    fn has<X: ?Sized + Send>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_sync_1442() {
    fn has<X: ?Sized + Sync>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_unpin_1443() {
    fn has<X: ?Sized + Unpin>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_unwindsafe_1444() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<RawFairMutex>();
}
fn has_rawmutex_rawmutex_1446() {
    fn has<X: ?Sized + pl::lock_api::RawMutex>() {}
    has::<RawMutex>();
}
fn has_rawmutex_rawmutexfair_1447() {
    fn has<X: ?Sized + pl::lock_api::RawMutexFair>() {}
    has::<RawMutex>();
}
fn has_rawmutex_rawmutextimed_1448() {
    fn has<X: ?Sized + pl::lock_api::RawMutexTimed>() {}
    has::<RawMutex>();
}
fn has_rawmutex_refunwindsafe_1450() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<RawMutex>();
}
fn has_rawmutex_send_1451() {
    fn has<X: ?Sized + Send>() {}
    has::<RawMutex>();
}
fn has_rawmutex_sync_1452() {
    fn has<X: ?Sized + Sync>() {}
    has::<RawMutex>();
}
fn has_rawmutex_unpin_1453() {
    fn has<X: ?Sized + Unpin>() {}
    has::<RawMutex>();
}
fn has_rawmutex_unwindsafe_1454() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<RawMutex>();
}
fn has_rawrwlock_rawrwlock_1456() {
    fn has<X: ?Sized + pl::lock_api::RawRwLock>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_rawrwlockdowngrade_1457() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockDowngrade>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_rawrwlockfair_1458() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockFair>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_rawrwlockrecursive_1459() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockRecursive>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_rawrwlockrecursivetimed_1460() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockRecursiveTimed>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_rawrwlocktimed_1461() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockTimed>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_rawrwlockupgrade_1462() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockUpgrade>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_rawrwlockupgradedowngrade_1463() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockUpgradeDowngrade>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_rawrwlockupgradefair_1464() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockUpgradeFair>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_rawrwlockupgradetimed_1465() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockUpgradeTimed>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_refunwindsafe_1467() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_send_1468() {
    fn has<X: ?Sized + Send>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_sync_1469() {
    fn has<X: ?Sized + Sync>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_unpin_1470() {
    fn has<X: ?Sized + Unpin>() {}
    has::<RawRwLock>();
}
fn has_rawrwlock_unwindsafe_1471() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<RawRwLock>();
}
fn has_rawthreadid_getthreadid_1473() {
    fn has<X: ?Sized + pl::lock_api::GetThreadId>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_refunwindsafe_1475() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_send_1476() {
    fn has<X: ?Sized + Send>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_sync_1477() {
    fn has<X: ?Sized + Sync>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_unpin_1478() {
    fn has<X: ?Sized + Unpin>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_unwindsafe_1479() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<RawThreadId>();
}
fn call_waittimeoutresult_timed_out_1481(this: WaitTimeoutResult) -> bool {
    <WaitTimeoutResult>::timed_out(this)
}
fn has_waittimeoutresult_clone_1482() {
    fn has<X: ?Sized + Clone>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_debug_1483() {
    fn has<X: ?Sized + Debug>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_partialeq_1484() {
    fn has<X: ?Sized + PartialEq>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_copy_1485() {
    fn has<X: ?Sized + Copy>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_eq_1486() {
    fn has<X: ?Sized + Eq>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_refunwindsafe_1489() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_send_1490() {
    fn has<X: ?Sized + Send>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_sync_1491() {
    fn has<X: ?Sized + Sync>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_unpin_1492() {
    fn has<X: ?Sized + Unpin>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_unwindsafe_1493() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<WaitTimeoutResult>();
}
fn alias_fairmutex_1494<T>(same: FairMutex<T>) -> pl::lock_api::Mutex<RawFairMutex, T> {
    same
}
fn alias_fairmutexguard_1495<'a, T>(
    same: FairMutexGuard<'a, T>,
) -> pl::lock_api::MutexGuard<'a, RawFairMutex, T> {
    same
}
fn alias_mappedfairmutexguard_1496<'a, T>(
    same: MappedFairMutexGuard<'a, T>,
) -> pl::lock_api::MappedMutexGuard<'a, RawFairMutex, T> {
    same
}
fn alias_mappedmutexguard_1497<'a, T>(
    same: MappedMutexGuard<'a, T>,
) -> pl::lock_api::MappedMutexGuard<'a, RawMutex, T> {
    same
}
fn alias_mappedreentrantmutexguard_1498<'a, T>(
    same: MappedReentrantMutexGuard<'a, T>,
) -> pl::lock_api::MappedReentrantMutexGuard<'a, RawMutex, RawThreadId, T> {
    same
}
fn alias_mappedrwlockreadguard_1499<'a, T>(
    same: MappedRwLockReadGuard<'a, T>,
) -> pl::lock_api::MappedRwLockReadGuard<'a, RawRwLock, T> {
    same
}
fn alias_mappedrwlockwriteguard_1500<'a, T>(
    same: MappedRwLockWriteGuard<'a, T>,
) -> pl::lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T> {
    same
}
fn alias_mutex_1501<T>(same: Mutex<T>) -> pl::lock_api::Mutex<RawMutex, T> {
    same
}
fn alias_mutexguard_1502<'a, T>(
    same: MutexGuard<'a, T>,
) -> pl::lock_api::MutexGuard<'a, RawMutex, T> {
    same
}
fn alias_reentrantmutex_1503<T>(
    same: ReentrantMutex<T>,
) -> pl::lock_api::ReentrantMutex<RawMutex, RawThreadId, T> {
    same
}
fn alias_reentrantmutexguard_1504<'a, T>(
    same: ReentrantMutexGuard<'a, T>,
) -> pl::lock_api::ReentrantMutexGuard<'a, RawMutex, RawThreadId, T> {
    same
}
fn alias_rwlock_1505<T>(same: RwLock<T>) -> pl::lock_api::RwLock<RawRwLock, T> {
    same
}
fn alias_rwlockreadguard_1506<'a, T>(
    same: RwLockReadGuard<'a, T>,
) -> pl::lock_api::RwLockReadGuard<'a, RawRwLock, T> {
    same
}
fn alias_rwlockupgradablereadguard_1507<'a, T>(
    same: RwLockUpgradableReadGuard<'a, T>,
) -> pl::lock_api::RwLockUpgradableReadGuard<'a, RawRwLock, T> {
    same
}
fn alias_rwlockwriteguard_1508<'a, T>(
    same: RwLockWriteGuard<'a, T>,
) -> pl::lock_api::RwLockWriteGuard<'a, RawRwLock, T> {
    same
}
