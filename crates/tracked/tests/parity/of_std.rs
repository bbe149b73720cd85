// Generated from tests/conformance/api_parity.tsv by `generate.rs`, see `main.rs`; changed by no hand.
// Included where `sync` and `thread` are std's modules or their mirrors.

use std::fmt::{Debug, Display};
use std::io;
use std::num::NonZero;
use std::ops::{Deref, DerefMut};
use std::os::unix::thread::JoinHandleExt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use sync::atomic::{self, AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use sync::mpsc::{
    self, IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryIter,
    TryRecvError, TrySendError,
};
use sync::{
    Barrier, BarrierWaitResult, Condvar, LazyLock, LockResult, Mutex, MutexGuard, Once, OnceLock, OnceState,
    RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockResult, WaitTimeoutResult,
};
use thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, Thread, ThreadId};

use crate::witnesses::{Bare, LacksRefUnwindSafe, LacksSend, LacksSync, LacksUnpin, LacksUnwindSafe, lacks};

const fn call_mutex_new_3<T>(t: T) -> Mutex<T> {
    <Mutex<T>>::new(t)
}
fn call_mutex_lock_7<'this, T: ?Sized>(
    this: &'this Mutex<T>,
) -> LockResult<MutexGuard<'this, T>> {
    <Mutex<T>>::lock(this)
}
fn call_mutex_try_lock_8<'this, T: ?Sized>(
    this: &'this Mutex<T>,
) -> TryLockResult<MutexGuard<'this, T>> {
    <Mutex<T>>::try_lock(this)
}
fn call_mutex_is_poisoned_9<'this, T: ?Sized>(this: &'this Mutex<T>) -> bool {
    <Mutex<T>>::is_poisoned(this)
}
fn call_mutex_clear_poison_10<'this, T: ?Sized>(this: &'this Mutex<T>) {
    <Mutex<T>>::clear_poison(this)
}
fn call_mutex_into_inner_11<T: ?Sized>(this: Mutex<T>) -> LockResult<T>
where
    T: Sized,
{
    <Mutex<T>>::into_inner(this)
}
fn call_mutex_get_mut_12<'this, T: ?Sized>(
    this: &'this mut Mutex<T>,
) -> LockResult<&'this mut T> {
    <Mutex<T>>::get_mut(this)
}
fn has_mutex_debug_14<T: ?Sized + Debug>() {
    fn has<X: ?Sized + Debug, T: ?Sized + Debug>() {}
    has::<Mutex<T>, T>();
}
lacks!(Mutex < Bare >, Debug);
fn has_mutex_default_15<T: Default>() {
    fn has<X: ?Sized + Default, T: Default>() {}
    has::<Mutex<T>, T>();
}
lacks!(Mutex < Bare >, Default);
fn has_mutex_from_16<T>() {
    fn has<X: ?Sized + From<T>, T>() {}
    has::<Mutex<T>, T>();
}
fn has_mutex_refunwindsafe_17<T: ?Sized>() {
    fn has<X: ?Sized + RefUnwindSafe, T: ?Sized>() {}
    has::<Mutex<T>, T>();
}
fn has_mutex_send_18<T: ?Sized + Send>() {
    fn has<X: ?Sized + Send, T: ?Sized + Send>() {}
    has::<Mutex<T>, T>();
}
lacks!(Mutex < LacksSend >, Send);
fn has_mutex_sync_19<T: ?Sized + Send>() {
    fn has<X: ?Sized + Sync, T: ?Sized + Send>() {}
    has::<Mutex<T>, T>();
}
lacks!(Mutex < LacksSend >, Sync);
fn has_mutex_unwindsafe_20<T: ?Sized>() {
    fn has<X: ?Sized + UnwindSafe, T: ?Sized>() {}
    has::<Mutex<T>, T>();
}
fn has_mutex_unpin_22<T>()
where
    T: Unpin + ?Sized,
{
    fn has<X: ?Sized + Unpin, T>()
    where
        T: Unpin + ?Sized,
    {}
    has::<Mutex<T>, T>();
}
lacks!(Mutex < LacksUnpin >, Unpin);
fn has_mutexguard_debug_26<T: ?Sized + Debug>() {
    fn has<X: ?Sized + Debug, T: ?Sized + Debug>() {}
    has::<MutexGuard<'_, T>, T>();
}
lacks!(MutexGuard < 'static, Bare >, Debug);
fn has_mutexguard_deref_27<T: ?Sized>() {
    fn has<X: ?Sized + Deref, T: ?Sized>() {}
    has::<MutexGuard<'_, T>, T>();
}
fn has_mutexguard_derefmut_28<T: ?Sized>() {
    fn has<X: ?Sized + DerefMut, T: ?Sized>() {}
    has::<MutexGuard<'_, T>, T>();
}
fn has_mutexguard_display_29<T: ?Sized + Display>() {
    fn has<X: ?Sized + Display, T: ?Sized + Display>() {}
    has::<MutexGuard<'_, T>, T>();
}
lacks!(MutexGuard < 'static, Bare >, Display);
const _: () = assert!(std::mem::needs_drop:: < MutexGuard < 'static, String > > ());
lacks!(MutexGuard < 'static, String >, Send);
fn has_mutexguard_sync_32<T: ?Sized + Sync>() {
    fn has<X: ?Sized + Sync, T: ?Sized + Sync>() {}
    has::<MutexGuard<'_, T>, T>();
}
lacks!(MutexGuard < 'static, LacksSync >, Sync);
fn has_mutexguard_refunwindsafe_34<T>()
where
    T: ?Sized,
{
    fn has<X: ?Sized + RefUnwindSafe, T>()
    where
        T: ?Sized,
    {}
    has::<MutexGuard<'_, T>, T>();
}
fn has_mutexguard_unpin_35<T>()
where
    T: ?Sized,
{
    fn has<X: ?Sized + Unpin, T>()
    where
        T: ?Sized,
    {}
    has::<MutexGuard<'_, T>, T>();
}
fn has_mutexguard_unwindsafe_36<T>()
where
    T: ?Sized,
{
    fn has<X: ?Sized + UnwindSafe, T>()
    where
        T: ?Sized,
    {}
    has::<MutexGuard<'_, T>, T>();
}
const fn call_rwlock_new_52<T>(t: T) -> RwLock<T> {
    <RwLock<T>>::new(t)
}
fn call_rwlock_read_56<'this, T: ?Sized>(
    this: &'this RwLock<T>,
) -> LockResult<RwLockReadGuard<'this, T>> {
    <RwLock<T>>::read(this)
}
fn call_rwlock_try_read_57<'this, T: ?Sized>(
    this: &'this RwLock<T>,
) -> TryLockResult<RwLockReadGuard<'this, T>> {
    <RwLock<T>>::try_read(this)
}
fn call_rwlock_write_58<'this, T: ?Sized>(
    this: &'this RwLock<T>,
) -> LockResult<RwLockWriteGuard<'this, T>> {
    <RwLock<T>>::write(this)
}
fn call_rwlock_try_write_59<'this, T: ?Sized>(
    this: &'this RwLock<T>,
) -> TryLockResult<RwLockWriteGuard<'this, T>> {
    <RwLock<T>>::try_write(this)
}
fn call_rwlock_is_poisoned_60<'this, T: ?Sized>(this: &'this RwLock<T>) -> bool {
    <RwLock<T>>::is_poisoned(this)
}
fn call_rwlock_clear_poison_61<'this, T: ?Sized>(this: &'this RwLock<T>) {
    <RwLock<T>>::clear_poison(this)
}
fn call_rwlock_into_inner_62<T: ?Sized>(this: RwLock<T>) -> LockResult<T>
where
    T: Sized,
{
    <RwLock<T>>::into_inner(this)
}
fn call_rwlock_get_mut_63<'this, T: ?Sized>(
    this: &'this mut RwLock<T>,
) -> LockResult<&'this mut T> {
    <RwLock<T>>::get_mut(this)
}
fn has_rwlock_debug_65<T: ?Sized + Debug>() {
    fn has<X: ?Sized + Debug, T: ?Sized + Debug>() {}
    has::<RwLock<T>, T>();
}
lacks!(RwLock < Bare >, Debug);
fn has_rwlock_default_66<T: Default>() {
    fn has<X: ?Sized + Default, T: Default>() {}
    has::<RwLock<T>, T>();
}
lacks!(RwLock < Bare >, Default);
fn has_rwlock_from_67<T>() {
    fn has<X: ?Sized + From<T>, T>() {}
    has::<RwLock<T>, T>();
}
fn has_rwlock_refunwindsafe_68<T: ?Sized>() {
    fn has<X: ?Sized + RefUnwindSafe, T: ?Sized>() {}
    has::<RwLock<T>, T>();
}
fn has_rwlock_send_69<T: ?Sized + Send>() {
    fn has<X: ?Sized + Send, T: ?Sized + Send>() {}
    has::<RwLock<T>, T>();
}
lacks!(RwLock < LacksSend >, Send);
fn has_rwlock_sync_70<T: ?Sized + Send + Sync>() {
    fn has<X: ?Sized + Sync, T: ?Sized + Send + Sync>() {}
    has::<RwLock<T>, T>();
}
lacks!(RwLock < LacksSend >, Sync);
lacks!(RwLock < LacksSync >, Sync);
fn has_rwlock_unwindsafe_71<T: ?Sized>() {
    fn has<X: ?Sized + UnwindSafe, T: ?Sized>() {}
    has::<RwLock<T>, T>();
}
fn has_rwlock_unpin_73<T>()
where
    T: Unpin + ?Sized,
{
    fn has<X: ?Sized + Unpin, T>()
    where
        T: Unpin + ?Sized,
    {}
    has::<RwLock<T>, T>();
}
lacks!(RwLock < LacksUnpin >, Unpin);
fn has_rwlockreadguard_debug_77<T: ?Sized + Debug>() {
    fn has<X: ?Sized + Debug, T: ?Sized + Debug>() {}
    has::<RwLockReadGuard<'_, T>, T>();
}
lacks!(RwLockReadGuard < 'static, Bare >, Debug);
fn has_rwlockreadguard_deref_78<T: ?Sized>() {
    fn has<X: ?Sized + Deref, T: ?Sized>() {}
    has::<RwLockReadGuard<'_, T>, T>();
}
fn has_rwlockreadguard_display_79<T: ?Sized + Display>() {
    fn has<X: ?Sized + Display, T: ?Sized + Display>() {}
    has::<RwLockReadGuard<'_, T>, T>();
}
lacks!(RwLockReadGuard < 'static, Bare >, Display);
const _: () = assert!(std::mem::needs_drop:: < RwLockReadGuard < 'static, String > > ());
lacks!(RwLockReadGuard < 'static, String >, Send);
fn has_rwlockreadguard_sync_82<T: ?Sized + Sync>() {
    fn has<X: ?Sized + Sync, T: ?Sized + Sync>() {}
    has::<RwLockReadGuard<'_, T>, T>();
}
lacks!(RwLockReadGuard < 'static, LacksSync >, Sync);
fn has_rwlockreadguard_refunwindsafe_84<T>()
where
    T: RefUnwindSafe + ?Sized,
{
    fn has<X: ?Sized + RefUnwindSafe, T>()
    where
        T: RefUnwindSafe + ?Sized,
    {}
    has::<RwLockReadGuard<'_, T>, T>();
}
lacks!(RwLockReadGuard < 'static, LacksRefUnwindSafe >, RefUnwindSafe);
fn has_rwlockreadguard_unpin_85<T>()
where
    T: ?Sized,
{
    fn has<X: ?Sized + Unpin, T>()
    where
        T: ?Sized,
    {}
    has::<RwLockReadGuard<'_, T>, T>();
}
fn has_rwlockreadguard_unwindsafe_86<T>()
where
    T: RefUnwindSafe + ?Sized,
{
    fn has<X: ?Sized + UnwindSafe, T>()
    where
        T: RefUnwindSafe + ?Sized,
    {}
    has::<RwLockReadGuard<'_, T>, T>();
}
lacks!(RwLockReadGuard < 'static, LacksRefUnwindSafe >, UnwindSafe);
fn call_rwlockwriteguard_downgrade_88<'rwlock, T: 'rwlock>(
    s: RwLockWriteGuard<'rwlock, T>,
) -> RwLockReadGuard<'rwlock, T> {
    <RwLockWriteGuard<'rwlock, T>>::downgrade(s)
}
fn has_rwlockwriteguard_debug_91<T: ?Sized + Debug>() {
    fn has<X: ?Sized + Debug, T: ?Sized + Debug>() {}
    has::<RwLockWriteGuard<'_, T>, T>();
}
lacks!(RwLockWriteGuard < 'static, Bare >, Debug);
fn has_rwlockwriteguard_deref_92<T: ?Sized>() {
    fn has<X: ?Sized + Deref, T: ?Sized>() {}
    has::<RwLockWriteGuard<'_, T>, T>();
}
fn has_rwlockwriteguard_derefmut_93<T: ?Sized>() {
    fn has<X: ?Sized + DerefMut, T: ?Sized>() {}
    has::<RwLockWriteGuard<'_, T>, T>();
}
fn has_rwlockwriteguard_display_94<T: ?Sized + Display>() {
    fn has<X: ?Sized + Display, T: ?Sized + Display>() {}
    has::<RwLockWriteGuard<'_, T>, T>();
}
lacks!(RwLockWriteGuard < 'static, Bare >, Display);
const _: () = assert!(
    std::mem::needs_drop:: < RwLockWriteGuard < 'static, String > > ()
);
lacks!(RwLockWriteGuard < 'static, String >, Send);
fn has_rwlockwriteguard_sync_97<T: ?Sized + Sync>() {
    fn has<X: ?Sized + Sync, T: ?Sized + Sync>() {}
    has::<RwLockWriteGuard<'_, T>, T>();
}
lacks!(RwLockWriteGuard < 'static, LacksSync >, Sync);
fn has_rwlockwriteguard_refunwindsafe_99<T>()
where
    T: ?Sized,
{
    fn has<X: ?Sized + RefUnwindSafe, T>()
    where
        T: ?Sized,
    {}
    has::<RwLockWriteGuard<'_, T>, T>();
}
fn has_rwlockwriteguard_unpin_100<T>()
where
    T: ?Sized,
{
    fn has<X: ?Sized + Unpin, T>()
    where
        T: ?Sized,
    {}
    has::<RwLockWriteGuard<'_, T>, T>();
}
fn has_rwlockwriteguard_unwindsafe_101<T>()
where
    T: ?Sized,
{
    fn has<X: ?Sized + UnwindSafe, T>()
    where
        T: ?Sized,
    {}
    has::<RwLockWriteGuard<'_, T>, T>();
}
const fn call_condvar_new_130() -> Condvar {
    <Condvar>::new()
}
fn call_condvar_wait_131<'this, 'a, T>(
    this: &'this Condvar,
    guard: MutexGuard<'a, T>,
) -> LockResult<MutexGuard<'a, T>> {
    <Condvar>::wait(this, guard)
}
fn call_condvar_wait_while_132<'this, 'a, T, F>(
    this: &'this Condvar,
    guard: MutexGuard<'a, T>,
    condition: F,
) -> LockResult<MutexGuard<'a, T>>
where
    F: FnMut(&mut T) -> bool,
{
    <Condvar>::wait_while(this, guard, condition)
}
#[expect(deprecated, reason = "it must be there all the same")]
fn call_condvar_wait_timeout_ms_133<'this, 'a, T>(
    this: &'this Condvar,
    guard: MutexGuard<'a, T>,
    ms: u32,
) -> LockResult<(MutexGuard<'a, T>, bool)> {
    <Condvar>::wait_timeout_ms(this, guard, ms)
}
fn call_condvar_wait_timeout_134<'this, 'a, T>(
    this: &'this Condvar,
    guard: MutexGuard<'a, T>,
    dur: Duration,
) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
    <Condvar>::wait_timeout(this, guard, dur)
}
fn call_condvar_wait_timeout_while_135<'this, 'a, T, F>(
    this: &'this Condvar,
    guard: MutexGuard<'a, T>,
    dur: Duration,
    condition: F,
) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
where
    F: FnMut(&mut T) -> bool,
{
    <Condvar>::wait_timeout_while(this, guard, dur, condition)
}
fn call_condvar_notify_one_136<'this>(this: &'this Condvar) {
    <Condvar>::notify_one(this)
}
fn call_condvar_notify_all_137<'this>(this: &'this Condvar) {
    <Condvar>::notify_all(this)
}
fn has_condvar_debug_138() {
    fn has<X: ?Sized + Debug>() {}
    has::<Condvar>();
}
fn has_condvar_default_139() {
    fn has<X: ?Sized + Default>() {}
    has::<Condvar>();
}
fn has_condvar_refunwindsafe_140() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Condvar>();
}
fn has_condvar_unwindsafe_141() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<Condvar>();
}
fn has_condvar_send_143() {
    fn has<X: ?Sized + Send>() {}
    has::<Condvar>();
}
fn has_condvar_sync_144() {
    fn has<X: ?Sized + Sync>() {}
    has::<Condvar>();
}
fn has_condvar_unpin_145() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Condvar>();
}
fn call_waittimeoutresult_timed_out_147<'this>(this: &'this WaitTimeoutResult) -> bool {
    <WaitTimeoutResult>::timed_out(this)
}
fn has_waittimeoutresult_clone_148() {
    fn has<X: ?Sized + Clone>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_debug_149() {
    fn has<X: ?Sized + Debug>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_partialeq_150() {
    fn has<X: ?Sized + PartialEq>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_copy_151() {
    fn has<X: ?Sized + Copy>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_eq_152() {
    fn has<X: ?Sized + Eq>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_refunwindsafe_155() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_send_156() {
    fn has<X: ?Sized + Send>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_sync_157() {
    fn has<X: ?Sized + Sync>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_unpin_158() {
    fn has<X: ?Sized + Unpin>() {}
    has::<WaitTimeoutResult>();
}
fn has_waittimeoutresult_unwindsafe_159() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<WaitTimeoutResult>();
}
const fn call_once_new_161() -> Once {
    <Once>::new()
}
fn call_once_call_once_162<'this, F>(this: &'this Once, f: F)
where
    F: FnOnce(),
{
    <Once>::call_once(this, f)
}
fn call_once_call_once_force_163<'this, F>(this: &'this Once, f: F)
where
    F: FnOnce(&OnceState),
{
    <Once>::call_once_force(this, f)
}
fn call_once_is_completed_164<'this>(this: &'this Once) -> bool {
    <Once>::is_completed(this)
}
fn call_once_wait_165<'this>(this: &'this Once) {
    <Once>::wait(this)
}
fn call_once_wait_force_166<'this>(this: &'this Once) {
    <Once>::wait_force(this)
}
fn has_once_debug_167() {
    fn has<X: ?Sized + Debug>() {}
    has::<Once>();
}
fn has_once_refunwindsafe_168() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Once>();
}
fn has_once_unwindsafe_169() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<Once>();
}
fn has_once_send_171() {
    fn has<X: ?Sized + Send>() {}
    has::<Once>();
}
fn has_once_sync_172() {
    fn has<X: ?Sized + Sync>() {}
    has::<Once>();
}
fn has_once_unpin_173() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Once>();
}
const fn call_oncelock_new_184<T>() -> OnceLock<T> {
    <OnceLock<T>>::new()
}
fn call_oncelock_get_185<'this, T>(this: &'this OnceLock<T>) -> Option<&'this T> {
    <OnceLock<T>>::get(this)
}
fn call_oncelock_get_mut_186<'this, T>(
    this: &'this mut OnceLock<T>,
) -> Option<&'this mut T> {
    <OnceLock<T>>::get_mut(this)
}
fn call_oncelock_wait_187<'this, T>(this: &'this OnceLock<T>) -> &'this T {
    <OnceLock<T>>::wait(this)
}
fn call_oncelock_set_188<'this, T>(this: &'this OnceLock<T>, value: T) -> Result<(), T> {
    <OnceLock<T>>::set(this, value)
}
fn call_oncelock_get_or_init_190<'this, T, F>(this: &'this OnceLock<T>, f: F) -> &'this T
where
    F: FnOnce() -> T,
{
    <OnceLock<T>>::get_or_init(this, f)
}
fn call_oncelock_into_inner_194<T>(this: OnceLock<T>) -> Option<T> {
    <OnceLock<T>>::into_inner(this)
}
fn call_oncelock_take_195<'this, T>(this: &'this mut OnceLock<T>) -> Option<T> {
    <OnceLock<T>>::take(this)
}
fn has_oncelock_clone_196<T: Clone>() {
    fn has<X: ?Sized + Clone, T: Clone>() {}
    has::<OnceLock<T>, T>();
}
lacks!(OnceLock < Bare >, Clone);
fn has_oncelock_debug_197<T: Debug>() {
    fn has<X: ?Sized + Debug, T: Debug>() {}
    has::<OnceLock<T>, T>();
}
lacks!(OnceLock < Bare >, Debug);
fn has_oncelock_default_198<T>() {
    fn has<X: ?Sized + Default, T>() {}
    has::<OnceLock<T>, T>();
}
const _: () = assert!(std::mem::needs_drop:: < OnceLock < String > > ());
fn has_oncelock_from_200<T>() {
    fn has<X: ?Sized + From<T>, T>() {}
    has::<OnceLock<T>, T>();
}
fn has_oncelock_partialeq_201<T: PartialEq>() {
    fn has<X: ?Sized + PartialEq, T: PartialEq>() {}
    has::<OnceLock<T>, T>();
}
lacks!(OnceLock < Bare >, PartialEq);
fn has_oncelock_eq_202<T: Eq>() {
    fn has<X: ?Sized + Eq, T: Eq>() {}
    has::<OnceLock<T>, T>();
}
lacks!(OnceLock < Bare >, Eq);
fn has_oncelock_refunwindsafe_203<T: RefUnwindSafe + UnwindSafe>() {
    fn has<X: ?Sized + RefUnwindSafe, T: RefUnwindSafe + UnwindSafe>() {}
    has::<OnceLock<T>, T>();
}
lacks!(OnceLock < LacksRefUnwindSafe >, RefUnwindSafe);
lacks!(OnceLock < LacksUnwindSafe >, RefUnwindSafe);
fn has_oncelock_send_204<T: Send>() {
    fn has<X: ?Sized + Send, T: Send>() {}
    has::<OnceLock<T>, T>();
}
lacks!(OnceLock < LacksSend >, Send);
fn has_oncelock_sync_205<T: Sync + Send>() {
    fn has<X: ?Sized + Sync, T: Sync + Send>() {}
    has::<OnceLock<T>, T>();
}
lacks!(OnceLock < LacksSync >, Sync);
lacks!(OnceLock < LacksSend >, Sync);
fn has_oncelock_unwindsafe_206<T: UnwindSafe>() {
    fn has<X: ?Sized + UnwindSafe, T: UnwindSafe>() {}
    has::<OnceLock<T>, T>();
}
lacks!(OnceLock < LacksUnwindSafe >, UnwindSafe);
fn has_oncelock_unpin_208<T>()
where
    T: Unpin,
{
    fn has<X: ?Sized + Unpin, T>()
    where
        T: Unpin,
    {}
    has::<OnceLock<T>, T>();
}
lacks!(OnceLock < LacksUnpin >, Unpin);
const fn call_lazylock_new_210<T, F>(f: F) -> LazyLock<T, F>
where
    F: FnOnce() -> T,
{
    <LazyLock<T, F>>::new(f)
}
fn call_lazylock_force_mut_212<T, F>(this: &mut LazyLock<T, F>) -> &mut T
where
    F: FnOnce() -> T,
{
    <LazyLock<T, F>>::force_mut(this)
}
fn call_lazylock_force_213<T, F>(this: &LazyLock<T, F>) -> &T
where
    F: FnOnce() -> T,
{
    <LazyLock<T, F>>::force(this)
}
fn call_lazylock_get_mut_214<T, F>(this: &mut LazyLock<T, F>) -> Option<&mut T> {
    <LazyLock<T, F>>::get_mut(this)
}
fn call_lazylock_get_215<T, F>(this: &LazyLock<T, F>) -> Option<&T> {
    <LazyLock<T, F>>::get(this)
}
fn has_lazylock_debug_216<T: Debug, F>() {
    fn has<X: ?Sized + Debug, T: Debug, F>() {}
    has::<LazyLock<T, F>, T, F>();
}
lacks!(LazyLock < Bare, fn () -> String >, Debug);
fn has_lazylock_default_217<T: Default>() {
    fn has<X: ?Sized + Default, T: Default>() {}
    has::<LazyLock<T>, T>();
}
lacks!(LazyLock < Bare >, Default);
fn has_lazylock_deref_218<T, F: FnOnce() -> T>() {
    fn has<X: ?Sized + Deref, T, F: FnOnce() -> T>() {}
    has::<LazyLock<T, F>, T, F>();
}
lacks!(LazyLock < String, Bare >, Deref);
fn has_lazylock_derefmut_219<T, F: FnOnce() -> T>() {
    fn has<X: ?Sized + DerefMut, T, F: FnOnce() -> T>() {}
    has::<LazyLock<T, F>, T, F>();
}
lacks!(LazyLock < String, Bare >, DerefMut);
const _: () = assert!(
    std::mem::needs_drop:: < LazyLock < String, fn () -> String > > ()
);
fn has_lazylock_refunwindsafe_221<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe>() {
    fn has<X: ?Sized + RefUnwindSafe, T: RefUnwindSafe + UnwindSafe, F: UnwindSafe>() {}
    has::<LazyLock<T, F>, T, F>();
}
lacks!(LazyLock < LacksRefUnwindSafe, fn () -> String >, RefUnwindSafe);
lacks!(LazyLock < LacksUnwindSafe, fn () -> String >, RefUnwindSafe);
lacks!(LazyLock < String, LacksUnwindSafe >, RefUnwindSafe);
fn has_lazylock_sync_222<T: Sync + Send, F: Send>() {
    fn has<X: ?Sized + Sync, T: Sync + Send, F: Send>() {}
    has::<LazyLock<T, F>, T, F>();
}
lacks!(LazyLock < LacksSync, fn () -> String >, Sync);
lacks!(LazyLock < LacksSend, fn () -> String >, Sync);
lacks!(LazyLock < String, LacksSend >, Sync);
fn has_lazylock_unwindsafe_223<T: UnwindSafe, F: UnwindSafe>() {
    fn has<X: ?Sized + UnwindSafe, T: UnwindSafe, F: UnwindSafe>() {}
    has::<LazyLock<T, F>, T, F>();
}
lacks!(LazyLock < LacksUnwindSafe, fn () -> String >, UnwindSafe);
lacks!(LazyLock < String, LacksUnwindSafe >, UnwindSafe);
fn has_lazylock_send_225<T, F>()
where
    T: Send,
    F: Send,
{
    fn has<X: ?Sized + Send, T, F>()
    where
        T: Send,
        F: Send,
    {}
    has::<LazyLock<T, F>, T, F>();
}
lacks!(LazyLock < LacksSend, fn () -> String >, Send);
lacks!(LazyLock < String, LacksSend >, Send);
fn has_lazylock_unpin_226<T, F>()
where
    T: Unpin,
    F: Unpin,
{
    fn has<X: ?Sized + Unpin, T, F>()
    where
        T: Unpin,
        F: Unpin,
    {}
    has::<LazyLock<T, F>, T, F>();
}
lacks!(LazyLock < LacksUnpin, fn () -> String >, Unpin);
lacks!(LazyLock < String, LacksUnpin >, Unpin);
const fn call_barrier_new_228(n: usize) -> Barrier {
    <Barrier>::new(n)
}
fn call_barrier_wait_229<'this>(this: &'this Barrier) -> BarrierWaitResult {
    <Barrier>::wait(this)
}
fn has_barrier_debug_230() {
    fn has<X: ?Sized + Debug>() {}
    has::<Barrier>();
}
fn has_barrier_refunwindsafe_231() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Barrier>();
}
fn has_barrier_send_233() {
    fn has<X: ?Sized + Send>() {}
    has::<Barrier>();
}
fn has_barrier_sync_234() {
    fn has<X: ?Sized + Sync>() {}
    has::<Barrier>();
}
fn has_barrier_unpin_235() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Barrier>();
}
fn has_barrier_unwindsafe_236() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<Barrier>();
}
fn call_barrierwaitresult_is_leader_238<'this>(this: &'this BarrierWaitResult) -> bool {
    <BarrierWaitResult>::is_leader(this)
}
fn has_barrierwaitresult_debug_239() {
    fn has<X: ?Sized + Debug>() {}
    has::<BarrierWaitResult>();
}
fn has_barrierwaitresult_refunwindsafe_241() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<BarrierWaitResult>();
}
fn has_barrierwaitresult_send_242() {
    fn has<X: ?Sized + Send>() {}
    has::<BarrierWaitResult>();
}
fn has_barrierwaitresult_sync_243() {
    fn has<X: ?Sized + Sync>() {}
    has::<BarrierWaitResult>();
}
fn has_barrierwaitresult_unpin_244() {
    fn has<X: ?Sized + Unpin>() {}
    has::<BarrierWaitResult>();
}
fn has_barrierwaitresult_unwindsafe_245() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<BarrierWaitResult>();
}
fn call_mpsc_channel_298<T>() -> (Sender<T>, Receiver<T>) {
    mpsc::channel()
}
fn call_mpsc_sync_channel_299<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    mpsc::sync_channel(bound)
}
fn call_sender_send_301<'this, T>(
    this: &'this Sender<T>,
    t: T,
) -> Result<(), SendError<T>> {
    <Sender<T>>::send(this, t)
}
fn has_sender_clone_302<T>() {
    fn has<X: ?Sized + Clone, T>() {}
    has::<Sender<T>, T>();
}
fn has_sender_debug_303<T>() {
    fn has<X: ?Sized + Debug, T>() {}
    has::<Sender<T>, T>();
}
fn has_sender_send_304<T: Send>() {
    fn has<X: ?Sized + Send, T: Send>() {}
    has::<Sender<T>, T>();
}
lacks!(Sender < LacksSend >, Send);
fn has_sender_sync_305<T: Send>() {
    fn has<X: ?Sized + Sync, T: Send>() {}
    has::<Sender<T>, T>();
}
lacks!(Sender < LacksSend >, Sync);
fn has_sender_refunwindsafe_307<T>() {
    fn has<X: ?Sized + RefUnwindSafe, T>() {}
    has::<Sender<T>, T>();
}
fn has_sender_unpin_308<T>() {
    fn has<X: ?Sized + Unpin, T>() {}
    has::<Sender<T>, T>();
}
fn has_sender_unwindsafe_309<T>() {
    fn has<X: ?Sized + UnwindSafe, T>() {}
    has::<Sender<T>, T>();
}
fn call_syncsender_send_311<'this, T>(
    this: &'this SyncSender<T>,
    t: T,
) -> Result<(), SendError<T>> {
    <SyncSender<T>>::send(this, t)
}
fn call_syncsender_try_send_312<'this, T>(
    this: &'this SyncSender<T>,
    t: T,
) -> Result<(), TrySendError<T>> {
    <SyncSender<T>>::try_send(this, t)
}
fn has_syncsender_clone_313<T>() {
    fn has<X: ?Sized + Clone, T>() {}
    has::<SyncSender<T>, T>();
}
fn has_syncsender_debug_314<T>() {
    fn has<X: ?Sized + Debug, T>() {}
    has::<SyncSender<T>, T>();
}
fn has_syncsender_send_315<T: Send>() {
    fn has<X: ?Sized + Send, T: Send>() {}
    has::<SyncSender<T>, T>();
}
lacks!(SyncSender < LacksSend >, Send);
fn has_syncsender_refunwindsafe_317<T>() {
    fn has<X: ?Sized + RefUnwindSafe, T>() {}
    has::<SyncSender<T>, T>();
}
fn has_syncsender_sync_318<T>()
where
    T: Send,
{
    fn has<X: ?Sized + Sync, T>()
    where
        T: Send,
    {}
    has::<SyncSender<T>, T>();
}
lacks!(SyncSender < LacksSend >, Sync);
fn has_syncsender_unpin_319<T>() {
    fn has<X: ?Sized + Unpin, T>() {}
    has::<SyncSender<T>, T>();
}
fn has_syncsender_unwindsafe_320<T>() {
    fn has<X: ?Sized + UnwindSafe, T>() {}
    has::<SyncSender<T>, T>();
}
fn call_receiver_try_recv_322<'this, T>(
    this: &'this Receiver<T>,
) -> Result<T, TryRecvError> {
    <Receiver<T>>::try_recv(this)
}
fn call_receiver_recv_323<'this, T>(this: &'this Receiver<T>) -> Result<T, RecvError> {
    <Receiver<T>>::recv(this)
}
fn call_receiver_recv_timeout_324<'this, T>(
    this: &'this Receiver<T>,
    timeout: Duration,
) -> Result<T, RecvTimeoutError> {
    <Receiver<T>>::recv_timeout(this, timeout)
}
fn call_receiver_iter_326<'this, T>(this: &'this Receiver<T>) -> Iter<'this, T> {
    <Receiver<T>>::iter(this)
}
fn call_receiver_try_iter_327<'this, T>(this: &'this Receiver<T>) -> TryIter<'this, T> {
    <Receiver<T>>::try_iter(this)
}
fn has_receiver_debug_328<T>() {
    fn has<X: ?Sized + Debug, T>() {}
    has::<Receiver<T>, T>();
}
fn has_receiver_intoiterator_329<T>() {
    fn has<X: ?Sized + IntoIterator, T>() {}
    has::<&'_ Receiver<T>, T>();
}
fn has_receiver_intoiterator_330<T>() {
    fn has<X: ?Sized + IntoIterator, T>() {}
    has::<Receiver<T>, T>();
}
fn has_receiver_send_331<T: Send>() {
    fn has<X: ?Sized + Send, T: Send>() {}
    has::<Receiver<T>, T>();
}
lacks!(Receiver < LacksSend >, Send);
lacks!(Receiver < String >, Sync);
fn has_receiver_refunwindsafe_334<T>() {
    fn has<X: ?Sized + RefUnwindSafe, T>() {}
    has::<Receiver<T>, T>();
}
fn has_receiver_unpin_335<T>() {
    fn has<X: ?Sized + Unpin, T>() {}
    has::<Receiver<T>, T>();
}
fn has_receiver_unwindsafe_336<T>() {
    fn has<X: ?Sized + UnwindSafe, T>() {}
    has::<Receiver<T>, T>();
}
fn has_iter_debug_338<T: Debug>() {
    fn has<X: ?Sized + Debug, T: Debug>() {}
    has::<Iter<'_, T>, T>();
}
lacks!(Iter < 'static, Bare >, Debug);
fn has_iter_iterator_339<T>() {
    fn has<X: ?Sized + Iterator, T>() {}
    has::<Iter<'_, T>, T>();
}
fn has_iter_refunwindsafe_341<T>() {
    fn has<X: ?Sized + RefUnwindSafe, T>() {}
    has::<Iter<'_, T>, T>();
}
lacks!(Iter < 'static, String >, Send);
lacks!(Iter < 'static, String >, Sync);
fn has_iter_unpin_344<T>() {
    fn has<X: ?Sized + Unpin, T>() {}
    has::<Iter<'_, T>, T>();
}
fn has_iter_unwindsafe_345<T>() {
    fn has<X: ?Sized + UnwindSafe, T>() {}
    has::<Iter<'_, T>, T>();
}
fn has_tryiter_debug_347<T: Debug>() {
    fn has<X: ?Sized + Debug, T: Debug>() {}
    has::<TryIter<'_, T>, T>();
}
lacks!(TryIter < 'static, Bare >, Debug);
fn has_tryiter_iterator_348<T>() {
    fn has<X: ?Sized + Iterator, T>() {}
    has::<TryIter<'_, T>, T>();
}
fn has_tryiter_refunwindsafe_350<T>() {
    fn has<X: ?Sized + RefUnwindSafe, T>() {}
    has::<TryIter<'_, T>, T>();
}
lacks!(TryIter < 'static, String >, Send);
lacks!(TryIter < 'static, String >, Sync);
fn has_tryiter_unpin_353<T>() {
    fn has<X: ?Sized + Unpin, T>() {}
    has::<TryIter<'_, T>, T>();
}
fn has_tryiter_unwindsafe_354<T>() {
    fn has<X: ?Sized + UnwindSafe, T>() {}
    has::<TryIter<'_, T>, T>();
}
fn has_intoiter_debug_356<T: Debug>() {
    fn has<X: ?Sized + Debug, T: Debug>() {}
    has::<IntoIter<T>, T>();
}
lacks!(IntoIter < Bare >, Debug);
fn has_intoiter_iterator_357<T>() {
    fn has<X: ?Sized + Iterator, T>() {}
    has::<IntoIter<T>, T>();
}
fn has_intoiter_refunwindsafe_359<T>() {
    fn has<X: ?Sized + RefUnwindSafe, T>() {}
    has::<IntoIter<T>, T>();
}
fn has_intoiter_send_360<T>()
where
    T: Send,
{
    fn has<X: ?Sized + Send, T>()
    where
        T: Send,
    {}
    has::<IntoIter<T>, T>();
}
lacks!(IntoIter < LacksSend >, Send);
lacks!(IntoIter < String >, Sync);
fn has_intoiter_unpin_362<T>() {
    fn has<X: ?Sized + Unpin, T>() {}
    has::<IntoIter<T>, T>();
}
fn has_intoiter_unwindsafe_363<T>() {
    fn has<X: ?Sized + UnwindSafe, T>() {}
    has::<IntoIter<T>, T>();
}
fn call_thread_available_parallelism_514() -> io::Result<NonZero<usize>> {
    thread::available_parallelism()
}
fn call_thread_current_515() -> Thread {
    thread::current()
}
fn call_thread_panicking_517() -> bool {
    thread::panicking()
}
fn call_thread_park_518() {
    thread::park()
}
fn call_thread_park_timeout_519(dur: Duration) {
    thread::park_timeout(dur)
}
#[expect(deprecated, reason = "it must be there all the same")]
fn call_thread_park_timeout_ms_520(ms: u32) {
    thread::park_timeout_ms(ms)
}
fn call_thread_scope_521<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    thread::scope(f)
}
fn call_thread_sleep_522(dur: Duration) {
    thread::sleep(dur)
}
#[expect(deprecated, reason = "it must be there all the same")]
fn call_thread_sleep_ms_523(ms: u32) {
    thread::sleep_ms(ms)
}
fn call_thread_spawn_525<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    thread::spawn(f)
}
fn call_thread_yield_now_526() {
    thread::yield_now()
}
fn call_builder_new_528() -> Builder {
    <Builder>::new()
}
fn call_builder_name_529(this: Builder, name: String) -> Builder {
    <Builder>::name(this, name)
}
fn call_builder_stack_size_530(this: Builder, size: usize) -> Builder {
    <Builder>::stack_size(this, size)
}
fn call_builder_spawn_532<F, T>(this: Builder, f: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    <Builder>::spawn(this, f)
}
unsafe fn call_builder_spawn_unchecked_533<F, T>(
    this: Builder,
    f: F,
) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    // SAFETY: the caller's promise, whatever it is.
    unsafe { <Builder>::spawn_unchecked(this, f) }
}
fn call_builder_spawn_scoped_534<'scope, 'env, F, T>(
    this: Builder,
    scope: &'scope Scope<'scope, 'env>,
    f: F,
) -> io::Result<ScopedJoinHandle<'scope, T>>
where
    F: FnOnce() -> T + Send + 'scope,
    T: Send + 'scope,
{
    <Builder>::spawn_scoped(this, scope, f)
}
fn has_builder_debug_535() {
    fn has<X: ?Sized + Debug>() {}
    has::<Builder>();
}
fn has_builder_refunwindsafe_537() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Builder>();
}
fn has_builder_send_538() {
    fn has<X: ?Sized + Send>() {}
    has::<Builder>();
}
fn has_builder_sync_539() {
    fn has<X: ?Sized + Sync>() {}
    has::<Builder>();
}
fn has_builder_unpin_540() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Builder>();
}
fn has_builder_unwindsafe_541() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<Builder>();
}
fn call_joinhandle_thread_543<'this, T>(this: &'this JoinHandle<T>) -> &'this Thread {
    <JoinHandle<T>>::thread(this)
}
fn call_joinhandle_join_544<T>(this: JoinHandle<T>) -> thread::Result<T> {
    <JoinHandle<T>>::join(this)
}
fn call_joinhandle_is_finished_545<'this, T>(this: &'this JoinHandle<T>) -> bool {
    <JoinHandle<T>>::is_finished(this)
}
fn has_joinhandle_debug_548<T>() {
    fn has<X: ?Sized + Debug, T>() {}
    has::<JoinHandle<T>, T>();
}
fn has_joinhandle_joinhandleext_551<T>() {
    fn has<X: ?Sized + JoinHandleExt, T>() {}
    has::<JoinHandle<T>, T>();
}
fn has_joinhandle_send_552<T>() {
    fn has<X: ?Sized + Send, T>() {}
    has::<JoinHandle<T>, T>();
}
fn has_joinhandle_sync_553<T>() {
    fn has<X: ?Sized + Sync, T>() {}
    has::<JoinHandle<T>, T>();
}
lacks!(JoinHandle < String >, RefUnwindSafe);
fn has_joinhandle_unpin_556<T>() {
    fn has<X: ?Sized + Unpin, T>() {}
    has::<JoinHandle<T>, T>();
}
lacks!(JoinHandle < String >, UnwindSafe);
fn call_scope_spawn_559<'scope, 'env: 'scope, F, T>(
    this: &'scope Scope<'scope, 'env>,
    f: F,
) -> ScopedJoinHandle<'scope, T>
where
    F: FnOnce() -> T + Send + 'scope,
    T: Send + 'scope,
{
    <Scope<'scope, 'env>>::spawn(this, f)
}
fn has_scope_debug_560() {
    fn has<X: ?Sized + Debug>() {}
    has::<Scope<'_, '_>>();
}
fn has_scope_refunwindsafe_562() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Scope<'_, '_>>();
}
fn has_scope_send_563() {
    fn has<X: ?Sized + Send>() {}
    has::<Scope<'_, '_>>();
}
fn has_scope_sync_564() {
    fn has<X: ?Sized + Sync>() {}
    has::<Scope<'_, '_>>();
}
fn has_scope_unpin_565() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Scope<'_, '_>>();
}
lacks!(Scope < 'static, 'static >, UnwindSafe);
fn call_scopedjoinhandle_thread_568<'this, 'scope, T>(
    this: &'this ScopedJoinHandle<'scope, T>,
) -> &'this Thread {
    <ScopedJoinHandle<'scope, T>>::thread(this)
}
fn call_scopedjoinhandle_join_569<'scope, T>(
    this: ScopedJoinHandle<'scope, T>,
) -> thread::Result<T> {
    <ScopedJoinHandle<'scope, T>>::join(this)
}
fn call_scopedjoinhandle_is_finished_570<'this, 'scope, T>(
    this: &'this ScopedJoinHandle<'scope, T>,
) -> bool {
    <ScopedJoinHandle<'scope, T>>::is_finished(this)
}
fn has_scopedjoinhandle_debug_571<T>() {
    fn has<X: ?Sized + Debug, T>() {}
    has::<ScopedJoinHandle<'_, T>, T>();
}
lacks!(ScopedJoinHandle < 'static, String >, RefUnwindSafe);
fn has_scopedjoinhandle_send_574<T>()
where
    T: Send,
{
    fn has<X: ?Sized + Send, T>()
    where
        T: Send,
    {}
    has::<ScopedJoinHandle<'_, T>, T>();
}
lacks!(ScopedJoinHandle < 'static, LacksSend >, Send);
fn has_scopedjoinhandle_sync_575<T>()
where
    T: Send,
{
    fn has<X: ?Sized + Sync, T>()
    where
        T: Send,
    {}
    has::<ScopedJoinHandle<'_, T>, T>();
}
lacks!(ScopedJoinHandle < 'static, LacksSend >, Sync);
fn has_scopedjoinhandle_unpin_576<T>() {
    fn has<X: ?Sized + Unpin, T>() {}
    has::<ScopedJoinHandle<'_, T>, T>();
}
lacks!(ScopedJoinHandle < 'static, String >, UnwindSafe);
fn call_thread_unpark_579<'this>(this: &'this Thread) {
    <Thread>::unpark(this)
}
fn call_thread_id_580<'this>(this: &'this Thread) -> ThreadId {
    <Thread>::id(this)
}
fn call_thread_name_581<'this>(this: &'this Thread) -> Option<&'this str> {
    <Thread>::name(this)
}
fn has_thread_clone_584() {
    fn has<X: ?Sized + Clone>() {}
    has::<Thread>();
}
fn has_thread_debug_585() {
    fn has<X: ?Sized + Debug>() {}
    has::<Thread>();
}
fn has_thread_refunwindsafe_587() {
    fn has<X: ?Sized + RefUnwindSafe>() {}
    has::<Thread>();
}
fn has_thread_send_588() {
    fn has<X: ?Sized + Send>() {}
    has::<Thread>();
}
fn has_thread_sync_589() {
    fn has<X: ?Sized + Sync>() {}
    has::<Thread>();
}
fn has_thread_unpin_590() {
    fn has<X: ?Sized + Unpin>() {}
    has::<Thread>();
}
fn has_thread_unwindsafe_591() {
    fn has<X: ?Sized + UnwindSafe>() {}
    has::<Thread>();
}
fn call_atomic_compiler_fence_642(order: Ordering) {
    atomic::compiler_fence(order)
}
fn call_atomic_fence_643(order: Ordering) {
    atomic::fence(order)
}
#[expect(deprecated, reason = "it must be there all the same")]
fn call_atomic_spin_loop_hint_644() {
    atomic::spin_loop_hint()
}
const fn call_atomicbool_new_646(v: bool) -> AtomicBool {
    <AtomicBool>::new(v)
}
const unsafe fn call_atomicbool_from_ptr_647<'a>(ptr: *mut bool) -> &'a AtomicBool {
    // SAFETY: the caller's promise, whatever it is.
    unsafe { <AtomicBool>::from_ptr(ptr) }
}
fn call_atomicbool_get_mut_648<'this>(this: &'this mut AtomicBool) -> &'this mut bool {
    <AtomicBool>::get_mut(this)
}
const fn call_atomicbool_into_inner_652(this: AtomicBool) -> bool {
    <AtomicBool>::into_inner(this)
}
fn call_atomicbool_load_653<'this>(this: &'this AtomicBool, order: Ordering) -> bool {
    <AtomicBool>::load(this, order)
}
fn call_atomicbool_store_654<'this>(
    this: &'this AtomicBool,
    val: bool,
    order: Ordering,
) {
    <AtomicBool>::store(this, val, order)
}
fn call_atomicbool_swap_655<'this>(
    this: &'this AtomicBool,
    val: bool,
    order: Ordering,
) -> bool {
    <AtomicBool>::swap(this, val, order)
}
#[expect(deprecated, reason = "it must be there all the same")]
fn call_atomicbool_compare_and_swap_656<'this>(
    this: &'this AtomicBool,
    current: bool,
    new: bool,
    order: Ordering,
) -> bool {
    <AtomicBool>::compare_and_swap(this, current, new, order)
}
fn call_atomicbool_compare_exchange_657<'this>(
    this: &'this AtomicBool,
    current: bool,
    new: bool,
    success: Ordering,
    failure: Ordering,
) -> Result<bool, bool> {
    <AtomicBool>::compare_exchange(this, current, new, success, failure)
}
fn call_atomicbool_compare_exchange_weak_658<'this>(
    this: &'this AtomicBool,
    current: bool,
    new: bool,
    success: Ordering,
    failure: Ordering,
) -> Result<bool, bool> {
    <AtomicBool>::compare_exchange_weak(this, current, new, success, failure)
}
fn call_atomicbool_fetch_and_659<'this>(
    this: &'this AtomicBool,
    val: bool,
    order: Ordering,
) -> bool {
    <AtomicBool>::fetch_and(this, val, order)
}
fn call_atomicbool_fetch_nand_660<'this>(
    this: &'this AtomicBool,
    val: bool,
    order: Ordering,
) -> bool {
    <AtomicBool>::fetch_nand(this, val, order)
}
fn call_atomicbool_fetch_or_661<'this>(
    this: &'this AtomicBool,
    val: bool,
    order: Ordering,
) -> bool {
    <AtomicBool>::fetch_or(this, val, order)
}
fn call_atomicbool_fetch_xor_662<'this>(
    this: &'this AtomicBool,
    val: bool,
    order: Ordering,
) -> bool {
    <AtomicBool>::fetch_xor(this, val, order)
}
fn call_atomicbool_fetch_not_663<'this>(
    this: &'this AtomicBool,
    order: Ordering,
) -> bool {
    <AtomicBool>::fetch_not(this, order)
}
const fn call_atomicbool_as_ptr_664<'this>(this: &'this AtomicBool) -> *mut bool {
    <AtomicBool>::as_ptr(this)
}
fn call_atomicbool_fetch_update_665<'this, F>(
    this: &'this AtomicBool,
    set_order: Ordering,
    fetch_order: Ordering,
    f: F,
) -> Result<bool, bool>
where
    F: FnMut(bool) -> Option<bool>,
{
    <AtomicBool>::fetch_update(this, set_order, fetch_order, f)
}
fn call_atomicbool_try_update_666<'this>(
    this: &'this AtomicBool,
    set_order: Ordering,
    fetch_order: Ordering,
    f: impl FnMut(bool) -> Option<bool>,
) -> Result<bool, bool> {
    <AtomicBool>::try_update(this, set_order, fetch_order, f)
}
fn call_atomicbool_update_667<'this>(
    this: &'this AtomicBool,
    set_order: Ordering,
    fetch_order: Ordering,
    f: impl FnMut(bool) -> bool,
) -> bool {
    <AtomicBool>::update(this, set_order, fetch_order, f)
}
const fn call_atomicusize_new_669(v: usize) -> AtomicUsize {
    <AtomicUsize>::new(v)
}
const unsafe fn call_atomicusize_from_ptr_670<'a>(ptr: *mut usize) -> &'a AtomicUsize {
    // SAFETY: the caller's promise, whatever it is.
    unsafe { <AtomicUsize>::from_ptr(ptr) }
}
fn call_atomicusize_get_mut_671<'this>(
    this: &'this mut AtomicUsize,
) -> &'this mut usize {
    <AtomicUsize>::get_mut(this)
}
const fn call_atomicusize_into_inner_675(this: AtomicUsize) -> usize {
    <AtomicUsize>::into_inner(this)
}
fn call_atomicusize_load_676<'this>(this: &'this AtomicUsize, order: Ordering) -> usize {
    <AtomicUsize>::load(this, order)
}
fn call_atomicusize_store_677<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) {
    <AtomicUsize>::store(this, val, order)
}
fn call_atomicusize_swap_678<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::swap(this, val, order)
}
#[expect(deprecated, reason = "it must be there all the same")]
fn call_atomicusize_compare_and_swap_679<'this>(
    this: &'this AtomicUsize,
    current: usize,
    new: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::compare_and_swap(this, current, new, order)
}
fn call_atomicusize_compare_exchange_680<'this>(
    this: &'this AtomicUsize,
    current: usize,
    new: usize,
    success: Ordering,
    failure: Ordering,
) -> Result<usize, usize> {
    <AtomicUsize>::compare_exchange(this, current, new, success, failure)
}
fn call_atomicusize_compare_exchange_weak_681<'this>(
    this: &'this AtomicUsize,
    current: usize,
    new: usize,
    success: Ordering,
    failure: Ordering,
) -> Result<usize, usize> {
    <AtomicUsize>::compare_exchange_weak(this, current, new, success, failure)
}
fn call_atomicusize_fetch_add_682<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::fetch_add(this, val, order)
}
fn call_atomicusize_fetch_sub_683<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::fetch_sub(this, val, order)
}
fn call_atomicusize_fetch_and_684<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::fetch_and(this, val, order)
}
fn call_atomicusize_fetch_nand_685<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::fetch_nand(this, val, order)
}
fn call_atomicusize_fetch_or_686<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::fetch_or(this, val, order)
}
fn call_atomicusize_fetch_xor_687<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::fetch_xor(this, val, order)
}
fn call_atomicusize_fetch_update_688<'this, F>(
    this: &'this AtomicUsize,
    set_order: Ordering,
    fetch_order: Ordering,
    f: F,
) -> Result<usize, usize>
where
    F: FnMut(usize) -> Option<usize>,
{
    <AtomicUsize>::fetch_update(this, set_order, fetch_order, f)
}
fn call_atomicusize_try_update_689<'this>(
    this: &'this AtomicUsize,
    set_order: Ordering,
    fetch_order: Ordering,
    f: impl FnMut(usize) -> Option<usize>,
) -> Result<usize, usize> {
    <AtomicUsize>::try_update(this, set_order, fetch_order, f)
}
fn call_atomicusize_update_690<'this>(
    this: &'this AtomicUsize,
    set_order: Ordering,
    fetch_order: Ordering,
    f: impl FnMut(usize) -> usize,
) -> usize {
    <AtomicUsize>::update(this, set_order, fetch_order, f)
}
fn call_atomicusize_fetch_max_691<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::fetch_max(this, val, order)
}
fn call_atomicusize_fetch_min_692<'this>(
    this: &'this AtomicUsize,
    val: usize,
    order: Ordering,
) -> usize {
    <AtomicUsize>::fetch_min(this, val, order)
}
const fn call_atomicusize_as_ptr_693<'this>(this: &'this AtomicUsize) -> *mut usize {
    <AtomicUsize>::as_ptr(this)
}
const fn call_atomicptr_new_695<T>(p: *mut T) -> AtomicPtr<T> {
    <AtomicPtr<T>>::new(p)
}
const unsafe fn call_atomicptr_from_ptr_696<'a, T>(
    ptr: *mut *mut T,
) -> &'a AtomicPtr<T> {
    // SAFETY: the caller's promise, whatever it is.
    unsafe { <AtomicPtr<T>>::from_ptr(ptr) }
}
fn call_atomicptr_get_mut_698<'this, T>(
    this: &'this mut AtomicPtr<T>,
) -> &'this mut *mut T {
    <AtomicPtr<T>>::get_mut(this)
}
const fn call_atomicptr_into_inner_702<T>(this: AtomicPtr<T>) -> *mut T {
    <AtomicPtr<T>>::into_inner(this)
}
fn call_atomicptr_load_703<'this, T>(
    this: &'this AtomicPtr<T>,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::load(this, order)
}
fn call_atomicptr_store_704<'this, T>(
    this: &'this AtomicPtr<T>,
    ptr: *mut T,
    order: Ordering,
) {
    <AtomicPtr<T>>::store(this, ptr, order)
}
fn call_atomicptr_swap_705<'this, T>(
    this: &'this AtomicPtr<T>,
    ptr: *mut T,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::swap(this, ptr, order)
}
#[expect(deprecated, reason = "it must be there all the same")]
fn call_atomicptr_compare_and_swap_706<'this, T>(
    this: &'this AtomicPtr<T>,
    current: *mut T,
    new: *mut T,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::compare_and_swap(this, current, new, order)
}
fn call_atomicptr_compare_exchange_707<'this, T>(
    this: &'this AtomicPtr<T>,
    current: *mut T,
    new: *mut T,
    success: Ordering,
    failure: Ordering,
) -> Result<*mut T, *mut T> {
    <AtomicPtr<T>>::compare_exchange(this, current, new, success, failure)
}
fn call_atomicptr_compare_exchange_weak_708<'this, T>(
    this: &'this AtomicPtr<T>,
    current: *mut T,
    new: *mut T,
    success: Ordering,
    failure: Ordering,
) -> Result<*mut T, *mut T> {
    <AtomicPtr<T>>::compare_exchange_weak(this, current, new, success, failure)
}
fn call_atomicptr_fetch_update_709<'this, T, F>(
    this: &'this AtomicPtr<T>,
    set_order: Ordering,
    fetch_order: Ordering,
    f: F,
) -> Result<*mut T, *mut T>
where
    F: FnMut(*mut T) -> Option<*mut T>,
{
    <AtomicPtr<T>>::fetch_update(this, set_order, fetch_order, f)
}
fn call_atomicptr_try_update_710<'this, T>(
    this: &'this AtomicPtr<T>,
    set_order: Ordering,
    fetch_order: Ordering,
    f: impl FnMut(*mut T) -> Option<*mut T>,
) -> Result<*mut T, *mut T> {
    <AtomicPtr<T>>::try_update(this, set_order, fetch_order, f)
}
fn call_atomicptr_update_711<'this, T>(
    this: &'this AtomicPtr<T>,
    set_order: Ordering,
    fetch_order: Ordering,
    f: impl FnMut(*mut T) -> *mut T,
) -> *mut T {
    <AtomicPtr<T>>::update(this, set_order, fetch_order, f)
}
fn call_atomicptr_fetch_ptr_add_712<'this, T>(
    this: &'this AtomicPtr<T>,
    val: usize,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::fetch_ptr_add(this, val, order)
}
fn call_atomicptr_fetch_ptr_sub_713<'this, T>(
    this: &'this AtomicPtr<T>,
    val: usize,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::fetch_ptr_sub(this, val, order)
}
fn call_atomicptr_fetch_byte_add_714<'this, T>(
    this: &'this AtomicPtr<T>,
    val: usize,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::fetch_byte_add(this, val, order)
}
fn call_atomicptr_fetch_byte_sub_715<'this, T>(
    this: &'this AtomicPtr<T>,
    val: usize,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::fetch_byte_sub(this, val, order)
}
fn call_atomicptr_fetch_or_716<'this, T>(
    this: &'this AtomicPtr<T>,
    val: usize,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::fetch_or(this, val, order)
}
fn call_atomicptr_fetch_and_717<'this, T>(
    this: &'this AtomicPtr<T>,
    val: usize,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::fetch_and(this, val, order)
}
fn call_atomicptr_fetch_xor_718<'this, T>(
    this: &'this AtomicPtr<T>,
    val: usize,
    order: Ordering,
) -> *mut T {
    <AtomicPtr<T>>::fetch_xor(this, val, order)
}
const fn call_atomicptr_as_ptr_719<'this, T>(this: &'this AtomicPtr<T>) -> *mut *mut T {
    <AtomicPtr<T>>::as_ptr(this)
}
