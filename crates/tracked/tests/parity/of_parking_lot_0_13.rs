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
    MappedRecursiveRwLockReadGuard, MappedRecursiveRwLockWriteGuard, RawCondvar, RawRwLockRecursive,
    RecursiveRwLock, RecursiveRwLockReadGuard, RecursiveRwLockUpgradableReadGuard, RecursiveRwLockWriteGuard,
};

const fn call_oncestate_is_poisoned_721(this: OnceState) -> bool {
    <OnceState>::is_poisoned(this)
}
const fn call_oncestate_poisoned_722(this: OnceState) -> bool {
    <OnceState>::poisoned(this)
}
const fn call_oncestate_is_completed_723(this: OnceState) -> bool {
    <OnceState>::is_completed(this)
}
const fn call_oncestate_done_724(this: OnceState) -> bool {
    <OnceState>::done(this)
}
fn has_oncestate_clone_725() {
    fn has<X: ?Sized + Clone>() {}
    has::<OnceState>();
}
fn has_oncestate_debug_726() {
    fn has<X: ?Sized + Debug>() {}
    has::<OnceState>();
}
fn has_oncestate_partialeq_727() {
    fn has<X: ?Sized + PartialEq>() {}
    has::<OnceState>();
}
fn has_oncestate_copy_728() {
    fn has<X: ?Sized + Copy>() {}
    has::<OnceState>();
}
fn has_oncestate_eq_729() {
    fn has<X: ?Sized + Eq>() {}
    has::<OnceState>();
}
fn has_oncestate_refunwindsafe_732() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<OnceState>();
}
fn has_oncestate_send_733() {
    fn has<X: ?Sized + Send>() {}
    has::<OnceState>();
}
fn has_oncestate_sync_734() {
    fn has<X: ?Sized + Sync>() {}
    has::<OnceState>();
}
fn has_oncestate_unpin_735() {
    fn has<X: ?Sized + Unpin>() {}
    has::<OnceState>();
}
fn has_oncestate_unwindsafe_736() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<OnceState>();
}
const fn call_once_new_738() -> Once {
    <Once>::new()
}
const fn call_once_new_completed_739() -> Once {
    <Once>::new_completed()
}
fn call_once_state_740<'this>(this: &'this Once) -> OnceState {
    <Once>::state(this)
}
fn call_once_is_completed_741<'this>(this: &'this Once) -> bool {
    <Once>::is_completed(this)
}
fn call_once_wait_742<'this>(this: &'this Once) {
    <Once>::wait(this)
}
fn call_once_wait_force_743<'this>(this: &'this Once) {
    <Once>::wait_force(this)
}
fn call_once_call_once_744<'this, F>(this: &'this Once, f: F)
where
    F: FnOnce(),
{
    <Once>::call_once(this, f)
}
fn call_once_call_once_force_745<'this, F>(this: &'this Once, f: F)
where
    F: FnOnce(OnceState),
{
    <Once>::call_once_force(this, f)
}
fn has_once_debug_746() {
    fn has<X: ?Sized + Debug>() {}
    has::<Once>();
}
fn has_once_default_747() {
    fn has<X: ?Sized + Default>() {}
    has::<Once>();
}
fn has_once_refunwindsafe_749() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Once>();
}
fn has_once_send_750() {
    fn has<X: ?Sized + Send>() {}
    has::<Once>();
}
fn has_once_sync_751() {
    fn has<X: ?Sized + Sync>() {}
    has::<Once>();
}
fn has_once_unpin_752() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Once>();
}
fn has_once_unwindsafe_753() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<Once>();
}
fn has_rawcondvar_rawcondvar_755() {
    fn has<X: ?Sized + pl::lock_api::RawCondvar>() {}
    has::<RawCondvar>();
}
fn has_rawcondvar_rawcondvartimed_756() {
    fn has<
        X: ?Sized + pl::lock_api::RawCondvarTimed
            + pl::lock_api::RawCondvar<RawMutex = RawMutex>,
    >() {}
    has::<RawCondvar>();
}
fn has_rawcondvar_refunwindsafe_758() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<RawCondvar>();
}
fn has_rawcondvar_send_759() {
    fn has<X: ?Sized + Send>() {}
    has::<RawCondvar>();
}
fn has_rawcondvar_sync_760() {
    fn has<X: ?Sized + Sync>() {}
    has::<RawCondvar>();
}
fn has_rawcondvar_unpin_761() {
    fn has<X: ?Sized + Unpin>() {}
    has::<RawCondvar>();
}
fn has_rawcondvar_unwindsafe_762() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<RawCondvar>();
}
fn has_rawfairmutex_rawmutex_764() {
    fn has<X: ?Sized + pl::lock_api::RawMutex>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_rawmutexfair_765() {
    fn has<X: ?Sized + pl::lock_api::RawMutexFair>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_rawmutextimed_766() {
    fn has<X: ?Sized + pl::lock_api::RawMutexTimed>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_refunwindsafe_768() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_send_769() {
    fn has<X: ?Sized + Send>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_sync_770() {
    fn has<X: ?Sized + Sync>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_unpin_771() {
    fn has<X: ?Sized + Unpin>() {}
    has::<RawFairMutex>();
}
fn has_rawfairmutex_unwindsafe_772() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<RawFairMutex>();
}
fn has_rawmutex_rawmutex_774() {
    fn has<X: ?Sized + pl::lock_api::RawMutex>() {}
    has::<RawMutex>();
}
fn has_rawmutex_rawmutexfair_775() {
    fn has<X: ?Sized + pl::lock_api::RawMutexFair>() {}
    has::<RawMutex>();
}
fn has_rawmutex_rawmutextimed_776() {
    fn has<X: ?Sized + pl::lock_api::RawMutexTimed>() {}
    has::<RawMutex>();
}
fn has_rawmutex_refunwindsafe_778() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<RawMutex>();
}
fn has_rawmutex_send_779() {
    fn has<X: ?Sized + Send>() {}
    has::<RawMutex>();
}
fn has_rawmutex_sync_780() {
    fn has<X: ?Sized + Sync>() {}
    has::<RawMutex>();
}
fn has_rawmutex_unpin_781() {
    fn has<X: ?Sized + Unpin>() {}
    has::<RawMutex>();
}
fn has_rawmutex_unwindsafe_782() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<RawMutex>();
}
fn has_rawrwlock_rawrwlock_784<const RECURSIVE: bool>() {
    fn has<X: ?Sized + pl::lock_api::RawRwLock, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_rawrwlockdowngrade_785<const RECURSIVE: bool>() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockDowngrade, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_rawrwlockfair_786<const RECURSIVE: bool>() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockFair, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_rawrwlocktimed_787<const RECURSIVE: bool>() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockTimed, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_rawrwlockupgrade_788<const RECURSIVE: bool>() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockUpgrade, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_rawrwlockupgradedowngrade_789<const RECURSIVE: bool>() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockUpgradeDowngrade, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_rawrwlockupgradefair_790<const RECURSIVE: bool>() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockUpgradeFair, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_rawrwlockupgradetimed_791<const RECURSIVE: bool>() {
    fn has<X: ?Sized + pl::lock_api::RawRwLockUpgradeTimed, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_refunwindsafe_793<const RECURSIVE: bool>() {
    fn has<X: ?Sized + RefUnwindSafe, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_send_794<const RECURSIVE: bool>() {
    fn has<X: ?Sized + Send, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_sync_795<const RECURSIVE: bool>() {
    fn has<X: ?Sized + Sync, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_unpin_796<const RECURSIVE: bool>() {
    fn has<X: ?Sized + Unpin, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawrwlock_unwindsafe_797<const RECURSIVE: bool>() {
    fn has<X: ?Sized + UnwindSafe, const RECURSIVE: bool>() {}
    has::<RawRwLock<RECURSIVE>, RECURSIVE>();
}
fn has_rawthreadid_getthreadid_799() {
    fn has<X: ?Sized + pl::lock_api::GetThreadId>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_refunwindsafe_801() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_send_802() {
    fn has<X: ?Sized + Send>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_sync_803() {
    fn has<X: ?Sized + Sync>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_unpin_804() {
    fn has<X: ?Sized + Unpin>() {}
    has::<RawThreadId>();
}
fn has_rawthreadid_unwindsafe_805() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<RawThreadId>();
}
const fn call_waittimeoutresult_timed_out_807(this: WaitTimeoutResult) -> bool {
    <WaitTimeoutResult>::timed_out(this)
}
fn has_waittimeoutresult_clone_808() {
    fn has<X: ?Sized + Clone>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_debug_809() {
    fn has<X: ?Sized + Debug>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_partialeq_810() {
    fn has<X: ?Sized + PartialEq>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_copy_811() {
    fn has<X: ?Sized + Copy>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_eq_812() {
    fn has<X: ?Sized + Eq>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_refunwindsafe_815() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_send_816() {
    fn has<X: ?Sized + Send>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_sync_817() {
    fn has<X: ?Sized + Sync>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_unpin_818() {
    fn has<X: ?Sized + Unpin>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_unwindsafe_819() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<WaitTimeoutResult>();
}
fn alias_fairmutex_821<T>(same: FairMutex<T>) -> pl::lock_api::Mutex<RawFairMutex, T> {
    same
}
fn alias_fairmutexguard_822<'a, T>(
    same: FairMutexGuard<'a, T>,
) -> pl::lock_api::MutexGuard<'a, RawFairMutex, T> {
    same
}
fn alias_mappedfairmutexguard_823<'a, T>(
    same: MappedFairMutexGuard<'a, T>,
) -> pl::lock_api::MappedMutexGuard<'a, RawFairMutex, T> {
    same
}
fn alias_mappedmutexguard_824<'a, T>(
    same: MappedMutexGuard<'a, T>,
) -> pl::lock_api::MappedMutexGuard<'a, RawMutex, T> {
    same
}
fn alias_mappedrecursiverwlockreadguard_825<'a, T>(
    same: MappedRecursiveRwLockReadGuard<'a, T>,
) -> pl::lock_api::MappedRwLockReadGuard<'a, RawRwLockRecursive, T> {
    same
}
fn alias_mappedrecursiverwlockwriteguard_826<'a, T>(
    same: MappedRecursiveRwLockWriteGuard<'a, T>,
) -> pl::lock_api::MappedRwLockWriteGuard<'a, RawRwLockRecursive, T> {
    same
}
fn alias_mappedreentrantmutexguard_827<'a, T>(
    same: MappedReentrantMutexGuard<'a, T>,
) -> pl::lock_api::MappedReentrantMutexGuard<'a, RawMutex, RawThreadId, T> {
    same
}
fn alias_mappedrwlockreadguard_828<'a, T>(
    same: MappedRwLockReadGuard<'a, T>,
) -> pl::lock_api::MappedRwLockReadGuard<'a, RawRwLock, T> {
    same
}
fn alias_mappedrwlockwriteguard_829<'a, T>(
    same: MappedRwLockWriteGuard<'a, T>,
) -> pl::lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T> {
    same
}
fn alias_mutex_830<T>(same: Mutex<T>) -> pl::lock_api::Mutex<RawMutex, T> {
    same
}
fn alias_mutexguard_831<'a, T>(
    same: MutexGuard<'a, T>,
) -> pl::lock_api::MutexGuard<'a, RawMutex, T> {
    same
}
fn alias_rawrwlockrecursive_832(same: RawRwLockRecursive) -> RawRwLock<true> {
    same
}
fn alias_recursiverwlock_833<T>(
    same: RecursiveRwLock<T>,
) -> pl::lock_api::RwLock<RawRwLockRecursive, T> {
    same
}
fn alias_recursiverwlockreadguard_834<'a, T>(
    same: RecursiveRwLockReadGuard<'a, T>,
) -> pl::lock_api::RwLockReadGuard<'a, RawRwLockRecursive, T> {
    same
}
fn alias_recursiverwlockupgradablereadguard_835<'a, T>(
    same: RecursiveRwLockUpgradableReadGuard<'a, T>,
) -> pl::lock_api::RwLockUpgradableReadGuard<'a, RawRwLockRecursive, T> {
    same
}
fn alias_recursiverwlockwriteguard_836<'a, T>(
    same: RecursiveRwLockWriteGuard<'a, T>,
) -> pl::lock_api::RwLockWriteGuard<'a, RawRwLockRecursive, T> {
    same
}
fn alias_reentrantmutex_837<T>(
    same: ReentrantMutex<T>,
) -> pl::lock_api::ReentrantMutex<RawMutex, RawThreadId, T> {
    same
}
fn alias_reentrantmutexguard_838<'a, T>(
    same: ReentrantMutexGuard<'a, T>,
) -> pl::lock_api::ReentrantMutexGuard<'a, RawMutex, RawThreadId, T> {
    same
}
fn alias_rwlock_839<T>(same: RwLock<T>) -> pl::lock_api::RwLock<RawRwLock, T> {
    same
}
fn alias_rwlockreadguard_840<'a, T>(
    same: RwLockReadGuard<'a, T>,
) -> pl::lock_api::RwLockReadGuard<'a, RawRwLock, T> {
    same
}
fn alias_rwlockupgradablereadguard_841<'a, T>(
    same: RwLockUpgradableReadGuard<'a, T>,
) -> pl::lock_api::RwLockUpgradableReadGuard<'a, RawRwLock, T> {
    same
}
fn alias_rwlockwriteguard_842<'a, T>(
    same: RwLockWriteGuard<'a, T>,
) -> pl::lock_api::RwLockWriteGuard<'a, RawRwLock, T> {
    same
}
const fn call_condvar_new_943() -> Condvar {
    <Condvar>::new()
}
fn call_condvar_raw_944<'this>(this: &'this Condvar) -> &'this RawCondvar {
    <Condvar>::raw(this)
}
fn call_condvar_notify_one_945<'this>(this: &'this Condvar) -> bool {
    <Condvar>::notify_one(this)
}
fn call_condvar_notify_all_946<'this>(this: &'this Condvar) -> usize {
    <Condvar>::notify_all(this)
}
fn call_condvar_wait_947<'this, T: ?Sized>(
    this: &'this Condvar,
    mutex_guard: &mut MutexGuard<'_, T>,
) {
    <Condvar>::wait(this, mutex_guard)
}
fn call_condvar_wait_while_948<'this, T, F>(
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
fn call_condvar_wait_until_949<'this, T: ?Sized>(
    this: &'this Condvar,
    mutex_guard: &mut MutexGuard<'_, T>,
    timeout: Instant,
) -> WaitTimeoutResult {
    <Condvar>::wait_until(this, mutex_guard, timeout)
}
fn call_condvar_wait_for_950<'this, T: ?Sized>(
    this: &'this Condvar,
    mutex_guard: &mut MutexGuard<'_, T>,
    timeout: Duration,
) -> WaitTimeoutResult {
    <Condvar>::wait_for(this, mutex_guard, timeout)
}
fn call_condvar_wait_while_until_951<'this, T, F>(
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
fn call_condvar_wait_while_for_952<'this, T: ?Sized, F>(
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
fn has_condvar_debug_953() {
    fn has<X: ?Sized + Debug>() {}
    has::<Condvar>();
}
fn has_condvar_default_954() {
    fn has<X: ?Sized + Default>() {}
    has::<Condvar>();
}
fn has_condvar_refunwindsafe_956() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Condvar>();
}
fn has_condvar_send_957() {
    fn has<X: ?Sized + Send>() {}
    has::<Condvar>();
}
fn has_condvar_sync_958() {
    fn has<X: ?Sized + Sync>() {}
    has::<Condvar>();
}
fn has_condvar_unpin_959() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Condvar>();
}
fn has_condvar_unwindsafe_960() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<Condvar>();
}
