//! Parallel loops whose threads wait awake.
//!
//! A key switch is half a dozen short loops one after the other. A thread of rayon's pool that finds nothing to do for a few
//! microseconds goes to sleep, and waking it takes longer than many of these loops have work for: with two threads the sleeps took a
//! tenth of a rotation. Here whoever waits for a loop's end looks for other work until then, and [`awake`] keeps idle threads looking for
//! work between one loop and the next. Which thread does what makes no difference to results.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::Yield;

/// Threads that an operation keeps awake at most.
const MOST_AWAKE: usize = 16;
/// Looks for work, of a fraction of a microsecond each, before a waiting thread offers its core to others.
const ROUNDS: usize = 64;

/// Runs `f` on every item, on the threads of the current rayon pool. Threads take items in order. Each is made when it is taken, by one thread at
/// a time: what is done before a loop begins is time of all threads. Making an item must not itself run a loop, whose wait could
/// be for this one.
pub(crate) fn for_each<T>(items: impl IntoIterator<Item = T, IntoIter: Send>, f: impl Fn(T) + Sync) {
    let items = items.into_iter();
    let threads = rayon::current_num_threads();
    let helpers = items.size_hint().1.map_or(threads, |most| most.min(threads)).saturating_sub(1);
    if helpers == 0 {
        return items.for_each(f);
    }
    let (items, running) = (Mutex::new(items), AtomicUsize::new(0));
    let take = || {
        let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
        let item = items.next()?;
        running.fetch_add(1, Ordering::Relaxed);
        // Counted down also if `f` panics: others wait for it.
        Some((item, CountDown(&running)))
    };
    let work = || {
        while let Some((item, _done)) = take() {
            f(item);
        }
    };
    // Outside the pool the caller would be one thread too many.
    rayon::scope(|scope| {
        (0..helpers).for_each(|_| scope.spawn(|_| work()));
        work();
        // Nothing is left to take.
        wait_while(|| running.load(Ordering::Acquire) > 0);
    });
}

/// What `f` makes of every item, in order.
pub(crate) fn map<T: Send, R: Send>(items: impl IntoIterator<Item = T>, f: impl Fn(T) -> R + Sync) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    for_each(results.iter_mut().zip(items), |(result, item)| *result = Some(f(item)));
    results.into_iter().flatten().collect()
}

/// Runs both, on two threads if there are.
pub(crate) fn both<A: Send, B: Send>(f: impl FnOnce() -> A + Send, g: impl FnOnce() -> B + Send) -> (A, B) {
    let (mut a, mut b) = (None, None);
    let parts: [Box<dyn FnOnce() + Send + '_>; 2] = [Box::new(|| a = Some(f())), Box::new(|| b = Some(g()))];
    for_each(parts, |part| part());
    match (a, b) {
        (Some(a), Some(b)) => (a, b),
        _ => unreachable!("a loop runs every item"),
    }
}

/// Takes work that other threads do.
pub(crate) struct Background<'a, 's> {
    /// `None` where there is one thread.
    scope: Option<&'a rayon::Scope<'s>>,
    running: Arc<AtomicUsize>,
    most: usize,
}

impl<'s> Background<'_, 's> {
    /// Has `f` done, and returns when less of such work than there are threads waits or runs.
    pub(crate) fn run(&self, f: impl FnOnce() + Send + 's) {
        let Some(scope) = self.scope else { return f() };
        self.running.fetch_add(1, Ordering::Relaxed);
        let running = self.running.clone();
        scope.spawn(move |_| {
            let _done = CountDown(&running);
            f();
        });
        wait_while(|| self.running.load(Ordering::Acquire) >= self.most);
    }
}

/// Runs `f` on this thread, in the pool or not, and what it gives away on the pool's; returns when all of that is done.
pub(crate) fn in_background<'s, R>(f: impl FnOnce(&Background<'_, 's>) -> R) -> R {
    let most = rayon::current_num_threads();
    let running = Arc::new(AtomicUsize::new(0));
    if most == 1 {
        return f(&Background { scope: None, running, most });
    }
    rayon::in_place_scope(|scope| f(&Background { scope: Some(scope), running, most }))
}

struct CountDown<'a>(&'a AtomicUsize);

impl Drop for CountDown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Does what other work there is for as long as `is_waiting`.
fn wait_while(is_waiting: impl Fn() -> bool) {
    for idle in 0usize.. {
        if !is_waiting() {
            return;
        }
        match rayon::yield_now() {
            Some(Yield::Executed) => {}
            Some(Yield::Idle) if !idle.is_multiple_of(ROUNDS) => spin_loop(),
            // Where there are more threads than cores, one that has work may be waiting for this core; a thread outside the pool (`None`) is
            // one more, and has none.
            _ => std::thread::yield_now(),
        }
    }
}

/// Runs `f` on a thread of the current rayon pool, the global one outside of any, whose idle threads look for work without sleeping until
/// `f` returns. Operations of this library do so each for itself; whoever runs many, one after the other, spares them the way into
/// the pool.
pub fn awake<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| {
        let over = Over(Arc::new(AtomicBool::new(false)));
        for _ in 1..rayon::current_num_threads().min(MOST_AWAKE) {
            let is_over = over.0.clone();
            // Nobody waits for these: what such a thread happens to be doing when `f` returns does not hold it up.
            rayon::spawn(move || wait_while(|| !is_over.load(Ordering::Relaxed)));
        }
        f()
    })
}

/// Says that it is over when it is dropped, by a panic too.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_threads(count: usize, f: impl FnOnce() + Send) {
        rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap().install(f);
    }

    fn items_are_taken_once() {
        for count in [0, 1, 2, 7, 100] {
            let mut seen = vec![0; count];
            for_each(seen.iter_mut().enumerate(), |(i, place)| {
                // A loop in a loop.
                let (x, y) = both(|| i, || 1);
                *place += x + y;
            });
            assert!(seen.iter().enumerate().all(|(i, &x)| x == i + 1));
            assert_eq!(map(0..count, |i| i * i), (0..count).map(|i| i * i).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_item_is_taken_once() {
        for threads in [1, 2, 3, 8] {
            with_threads(threads, || {
                items_are_taken_once();
                // Several operations at a time, as a server has them.
                for_each(0..4, |_| awake(items_are_taken_once));
            });
        }
    }

    #[test]
    fn items_are_made_when_they_are_taken() {
        for threads in [1, 2, 3] {
            with_threads(threads, || {
                let taken = Mutex::new(Vec::new());
                let done = AtomicUsize::new(0);
                let mut made = 0;
                let items = (0..200).filter(|i| i % 2 == 0).inspect(|_| {
                    // One for each thread may be on its way.
                    assert!(made <= done.load(Ordering::SeqCst) + threads);
                    made += 1;
                });
                for_each(items, |i| {
                    taken.lock().unwrap().push(i);
                    done.fetch_add(1, Ordering::SeqCst);
                });
                let mut taken = taken.into_inner().unwrap();
                taken.sort();
                assert_eq!(taken, (0..200).step_by(2).collect::<Vec<_>>());
            });
        }
    }

    #[test]
    fn an_operations_result_comes_through_and_its_panic_too() {
        for threads in [1, 2] {
            with_threads(threads, || {
                assert_eq!(awake(|| 5), 5);
                assert!(std::panic::catch_unwind(|| awake(|| panic!("passed on"))).is_err());
                items_are_taken_once();
            });
        }
    }

    #[test]
    fn work_given_away_is_done() {
        let run = || {
            let done: Vec<AtomicBool> = (0..20).map(|_| AtomicBool::new(false)).collect();
            in_background(|background| done.iter().for_each(|d| background.run(|| d.store(true, Ordering::Relaxed))));
            assert!(done.into_iter().all(AtomicBool::into_inner));
        };
        run();
        for threads in [1, 2, 3] {
            with_threads(threads, run);
        }
    }

    #[test]
    fn works_outside_a_pool_too() {
        let sum = AtomicUsize::new(0);
        for_each(0..100, |i| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 4950);
    }

    #[test]
    fn panics_come_through() {
        for threads in [1, 3] {
            with_threads(threads, || {
                let run = || for_each(0..50, |i| assert!(i % 20 != 19, "item {i}"));
                assert!(std::panic::catch_unwind(run).is_err());
            });
        }
    }
}
