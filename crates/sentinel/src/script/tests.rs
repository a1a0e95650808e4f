use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec;

use machine::time::at;
use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000;

fn schedule(scripts: &mut Scripts, ms: u64, path: &str) {
    scripts.schedule(at(ms), path.to_string(), vec!["+sdown".to_string(), "master m".to_string()]);
}

fn orders(scripts: &mut Scripts) -> Vec<Order> {
    core::iter::from_fn(|| scripts.next_order()).collect()
}

fn started(scripts: &mut Scripts) -> Vec<u64> {
    let run = |order| match order {
        Order::Run { nr, .. } => Some(nr),
        Order::Kill { .. } => None,
    };
    orders(scripts).into_iter().filter_map(run).collect()
}

fn notices(scripts: &mut Scripts) -> Vec<String> {
    core::iter::from_fn(|| scripts.next_notice()).map(|n| format!("{:?} {} {}", n.level, n.name, n.payload)).collect()
}

/// One script that was started as process 7.
fn one_running() -> Scripts {
    let mut scripts = Scripts::new();
    schedule(&mut scripts, 0, "/bin/a");
    assert_eq!(started(&mut scripts), [1]);
    scripts.on_started(1, 7);
    assert_eq!(notices(&mut scripts), ["Debug +script-child 7"]);
    scripts
}

/// Lets everything fail with status 1 until nothing is queued, and returns when each run began.
fn begins_of_failing(scripts: &mut Scripts) -> Vec<u64> {
    let mut begins = Vec::new();
    let mut now = Instant::START;
    while scripts.queued() > 0 {
        for nr in started(scripts) {
            begins.push(now.as_millis() / SECOND);
            scripts.on_ended(now, nr, End::Exited(1));
        }
        if let Some(at) = scripts.deadline() {
            now = at;
            scripts.wake(now);
        }
    }
    begins
}

#[test]
fn an_argument_list_goes_out_as_it_came_in() {
    let mut scripts = Scripts::new();
    schedule(&mut scripts, 0, "/bin/a");
    let args = vec!["+sdown".to_string(), "master m".to_string()];
    assert_eq!(orders(&mut scripts), [Order::Run { nr: 1, path: "/bin/a".to_string(), args }]);
    assert_eq!((scripts.running(), scripts.queued()), (1, 1));
}

#[test]
fn a_success_is_forgotten_without_a_word_to_subscribers() {
    let mut scripts = one_running();
    scripts.on_ended(at(5), 1, End::Exited(0));
    assert_eq!(notices(&mut scripts), ["Debug -script-child 7 0 0"]);
    assert_eq!((scripts.queued(), scripts.deadline()), (0, None));
}

#[test]
fn another_status_is_told_and_not_repeated() {
    for status in [2, 3, 255] {
        let mut scripts = one_running();
        scripts.on_ended(at(5), 1, End::Exited(status));
        let told = [format!("Debug -script-child 7 {status} 0"), format!("Warning -script-error /bin/a 0 {status}")];
        assert_eq!(notices(&mut scripts), told);
        assert_eq!(scripts.queued(), 0);
    }
}

#[test]
fn a_failure_or_a_signal_means_again_and_is_not_told_yet() {
    for end in [End::Exited(1), End::Signaled(9)] {
        let mut scripts = one_running();
        scripts.on_ended(at(5), 1, end);
        assert_eq!(notices(&mut scripts).len(), 1, "only that the child ended");
        assert_eq!(scripts.deadline(), Some(at(30_005)));
        scripts.wake(at(30_004));
        assert_eq!(orders(&mut scripts), []);
        scripts.wake(at(30_005));
        assert_eq!(started(&mut scripts), [1]);
    }
}

#[test]
fn the_pause_doubles_and_the_tenth_run_is_the_last() {
    let mut scripts = Scripts::new();
    schedule(&mut scripts, 0, "/bin/a");
    let begins = begins_of_failing(&mut scripts);
    let pauses: Vec<u64> = begins.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1_920, 3_840, 7_680]);
    assert_eq!(notices(&mut scripts), ["Warning -script-error /bin/a 0 1"]);
}

#[test]
fn a_signal_in_the_last_run_is_told_as_such() {
    let mut scripts = one_running();
    for _ in 1..MAX_RUNS {
        scripts.on_ended(Instant::START, 1, End::Exited(1));
        scripts.wake(scripts.deadline().expect("it is tried again"));
    }
    scripts.on_started(1, 8);
    notices(&mut scripts);
    scripts.on_ended(at(1), 1, End::Signaled(9));
    assert_eq!(notices(&mut scripts), ["Debug -script-child 8 0 9", "Warning -script-error /bin/a 9 0"]);
    assert_eq!(scripts.queued(), 0);
}

#[test]
fn what_could_not_be_started_is_told_each_time_and_tried_again_soon() {
    let mut scripts = Scripts::new();
    schedule(&mut scripts, 0, "/bin/a");
    for run in 1..=MAX_RUNS {
        assert_eq!(started(&mut scripts), [1], "run {run}");
        scripts.on_ended(Instant::START, 1, End::NotStarted);
        assert_eq!(notices(&mut scripts), ["Warning -script-error /bin/a 99 0"], "run {run}");
        let pause = (run < MAX_RUNS).then(|| at(SECOND * 2_u64.pow(run - 1)));
        assert_eq!(scripts.deadline(), pause, "run {run}");
        scripts.wake(pause.unwrap_or_default());
    }
    assert_eq!(scripts.queued(), 0);
}

#[test]
fn a_script_that_takes_too_long_is_killed_once_and_tried_again() {
    let mut scripts = one_running();
    assert_eq!(scripts.deadline(), Some(at(60_000)));
    scripts.wake(at(59_999));
    assert_eq!(orders(&mut scripts), []);
    scripts.wake(at(60_000));
    assert_eq!(orders(&mut scripts), [Order::Kill { nr: 1, pid: 7 }]);
    assert_eq!(notices(&mut scripts), ["Warning -script-timeout /bin/a 7"]);
    // It may take a while to die.
    scripts.wake(at(61_000));
    assert_eq!((orders(&mut scripts), notices(&mut scripts), scripts.deadline()), (vec![], vec![], None));
    scripts.on_ended(at(62_000), 1, End::Signaled(9));
    assert_eq!(scripts.deadline(), Some(at(92_000)));
}

#[test]
fn a_script_that_is_being_started_is_killed_when_there_is_something_to_kill() {
    let mut scripts = Scripts::new();
    schedule(&mut scripts, 0, "/bin/a");
    orders(&mut scripts);
    scripts.wake(at(70_000));
    assert_eq!((orders(&mut scripts), scripts.deadline()), (vec![], None));
    scripts.on_started(1, 7);
    assert_eq!(scripts.deadline(), Some(at(60_000)));
    scripts.wake(at(70_001));
    assert_eq!(orders(&mut scripts), [Order::Kill { nr: 1, pid: 7 }]);
}

#[test]
fn both_times_can_be_set() {
    let mut scripts = Scripts::new();
    scripts.set_max_runtime(Duration::from_millis(700));
    scripts.set_retry_delay(Duration::from_millis(400));
    schedule(&mut scripts, 0, "/bin/a");
    scripts.on_started(1, 7);
    assert_eq!(scripts.deadline(), Some(at(700)));
    scripts.wake(at(700));
    scripts.on_ended(at(710), 1, End::Signaled(9));
    assert_eq!(scripts.deadline(), Some(at(1_110)));
    assert_eq!(scripts.patience(), (Duration::from_millis(700), Duration::from_millis(400)));
}

#[test]
fn sixteen_run_at_a_time_and_the_oldest_comes_next() {
    let mut scripts = Scripts::new();
    for _ in 0..20 {
        schedule(&mut scripts, 0, "/bin/a");
    }
    assert_eq!(started(&mut scripts), (1..=16).collect::<Vec<_>>());
    scripts.on_ended(at(1), 5, End::Exited(0));
    assert_eq!(started(&mut scripts), [17]);
    scripts.on_ended(at(1), 2, End::Exited(1));
    assert_eq!(started(&mut scripts), [18]);
    // The older one is due again, and before the younger ones in the list; but no place is free.
    scripts.wake(at(40_000));
    assert_eq!((started(&mut scripts), scripts.deadline()), (vec![], None));
    scripts.on_ended(at(40_000), 1, End::Exited(0));
    assert_eq!(started(&mut scripts), [2]);
}

#[test]
fn a_full_queue_gives_up_the_oldest_that_does_not_run() {
    let mut scripts = Scripts::new();
    for _ in 0..MAX_QUEUE + 2 {
        schedule(&mut scripts, 0, "/bin/a");
    }
    assert_eq!((scripts.queued(), scripts.running(), scripts.dropped()), (MAX_QUEUE, MAX_RUNNING, 2));
    assert_eq!(started(&mut scripts).len(), MAX_RUNNING);
    scripts.on_ended(at(1), 1, End::Exited(0));
    assert_eq!(started(&mut scripts), [19], "17 and 18 are gone");
}

#[test]
fn pending_scripts_are_seen() {
    let mut scripts = one_running();
    schedule(&mut scripts, 100, "/bin/b");
    scripts.on_ended(at(200), 1, End::Exited(1));
    let seen = scripts.pending(at(1_200));
    let argv = |path: &str| vec![path.to_string(), "+sdown".to_string(), "master m".to_string()];
    let waits = Pending { argv: argv("/bin/a"), running: false, pid: 0, time: Duration::from_secs(29), runs: 1 };
    let starts = Pending { argv: argv("/bin/b"), running: true, pid: 0, time: Duration::from_millis(1_100), runs: 1 };
    assert_eq!(seen, [waits, starts]);
}

#[test]
fn what_nobody_ordered_changes_nothing() {
    let mut scripts = one_running();
    let before = scripts.pending(at(1));
    scripts.on_ended(at(1), 2, End::Exited(1));
    scripts.on_started(2, 9);
    scripts.on_started(1, 9);
    assert_eq!((scripts.pending(at(1)), scripts.stray()), (before, 3));
    assert_eq!((orders(&mut scripts), notices(&mut scripts)), (vec![], vec![]));
}

/// What can happen to a queue.
#[derive(Clone, Copy, Debug)]
enum Step {
    Schedule,
    /// The n-th of those that run, modulo their number.
    Started(usize),
    Ended(usize, End),
    /// A job that may not exist.
    Stray(u64, End),
    Wake(u64),
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::Exited(1)),
        2 => (0..5).prop_map(End::Exited),
        1 => Just(End::Signaled(9)),
        1 => Just(End::NotStarted),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Schedule),
        3 => (0_usize..16).prop_map(Step::Started),
        3 => (0_usize..16, ends()).prop_map(|(n, end)| Step::Ended(n, end)),
        1 => (0_u64..600, ends()).prop_map(|(n, end)| Step::Stray(n, end)),
        2 => (0_u64..100_000).prop_map(Step::Wake),
    ];
    prop::collection::vec(step, 0..700)
}

/// What a driver knows: which jobs run, and under which process.
#[derive(Default)]
struct Driver {
    running: BTreeMap<u64, Option<u32>>,
    killed: BTreeSet<u64>,
    runs: BTreeMap<u64, u32>,
}

impl Driver {
    fn carry_out(&mut self, scripts: &mut Scripts) {
        let mut last = None;
        for order in orders(scripts) {
            match order {
                Order::Run { nr, .. } => {
                    assert!(last < Some(nr), "the oldest first");
                    last = Some(nr);
                    assert!(self.running.insert(nr, None).is_none(), "{nr} runs already");
                    *self.runs.entry(nr).or_default() += 1;
                    assert!(self.runs[&nr] <= MAX_RUNS, "{nr} runs too often");
                }
                Order::Kill { nr, pid } => {
                    assert_eq!(self.running.get(&nr), Some(&Some(pid)), "only what runs is killed");
                    assert!(self.killed.insert(nr), "{nr} is killed twice in a run");
                }
            }
        }
    }

    fn nth(&self, n: usize) -> Option<u64> {
        self.running.keys().copied().nth(n % self.running.len().max(1))
    }

    fn ended(&mut self, nr: u64) {
        self.running.remove(&nr);
        self.killed.remove(&nr);
    }

    fn take(&mut self, scripts: &mut Scripts, now: &mut Instant, step: Step) {
        match step {
            Step::Schedule => schedule(scripts, now.as_millis(), "/bin/a"),
            Step::Started(n) => {
                if let Some(nr) = self.nth(n).filter(|nr| self.running[nr].is_none()) {
                    let pid = u32::try_from(nr).expect("few are scheduled");
                    self.running.insert(nr, Some(pid));
                    scripts.on_started(nr, pid);
                }
            }
            Step::Ended(n, end) => {
                if let Some(nr) = self.nth(n) {
                    self.ended(nr);
                    scripts.on_ended(*now, nr, end);
                }
            }
            Step::Stray(nr, end) => {
                if !self.running.contains_key(&nr) {
                    scripts.on_ended(*now, nr, end);
                }
            }
            Step::Wake(ms) => {
                *now += Duration::from_millis(ms);
                scripts.wake(*now);
                assert!(scripts.deadline().is_none_or(|at| at > *now), "B2");
            }
        }
    }
}

proptest! {
    #[test]
    fn the_bounds_hold_whatever_happens(steps in steps()) {
        let (mut scripts, mut driver, mut now) = (Scripts::new(), Driver::default(), Instant::START);
        for step in steps {
            driver.take(&mut scripts, &mut now, step);
            driver.carry_out(&mut scripts);
            let queued = scripts.queued();
            prop_assert!(queued <= MAX_QUEUE && scripts.running() <= MAX_RUNNING);
            prop_assert_eq!(scripts.running(), driver.running.len(), "machine and driver agree");
            // Nothing that could run stands still while there is room.
            let idle = scripts.pending(now).iter().any(|job| !job.running && job.time.is_zero() && job.runs == 0);
            prop_assert!(!idle || scripts.running() == MAX_RUNNING);
        }
    }

    #[test]
    fn everything_ends_when_all_runs_end(count in 1_usize..60, end in ends()) {
        let mut scripts = Scripts::new();
        for _ in 0..count {
            schedule(&mut scripts, 0, "/bin/a");
        }
        let mut now = Instant::START;
        for _ in 0..count * 40 {
            for nr in started(&mut scripts) {
                scripts.on_ended(now, nr, end);
            }
            if let Some(at) = scripts.deadline() {
                now = at;
                scripts.wake(now);
            }
        }
        prop_assert_eq!((scripts.queued(), scripts.deadline()), (0, None));
    }
}
