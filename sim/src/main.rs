//! `cargo xtask sim`: runs seeds, or one again with its history.

use std::time::{Duration, Instant};

use sim::coverage::{COVERED_BY, Coverage};
use sim::{Keep, Options, Saboteur, run_seed, run_seed_keeping};

fn main() {
    // A panic of a machine is a finding, printed with its history; its backtrace would only hide that.
    std::panic::set_hook(Box::new(|_| {}));
    std::process::exit(match Wish::from_args(std::env::args().skip(1)) {
        Ok(wish) => wish.grant(),
        Err(why) => {
            eprintln!("sim: {why}\n{USAGE}");
            2
        }
    });
}

const USAGE: &str = "usage: sim --seeds N [--from S] [--go-on]   run N seeds
       sim --seed S [--trace]               run one again; --trace shows everything
       --coverage                           print only what the seeds have to reach
       --mixed                              only seeds with stock Sentinels in them
       --sabotage NAME                      break one part of the world first, to see it caught";

#[derive(Default)]
struct Wish {
    seeds: u64,
    from: u64,
    seed: Option<u64>,
    trace: bool,
    go_on: bool,
    mixed: bool,
    coverage: bool,
    sabotage: Option<Saboteur>,
}

impl Wish {
    fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut wish = Self::default();
        while let Some(arg) = args.next() {
            let mut number = || -> Result<u64, String> {
                let text = args.next().ok_or_else(|| format!("{arg} needs a number"))?;
                text.parse().map_err(|_| format!("{arg} needs a number, not {text:?}"))
            };
            match arg.as_str() {
                "--seeds" => wish.seeds = number()?,
                "--from" => wish.from = number()?,
                "--seed" => wish.seed = Some(number()?),
                "--trace" => wish.trace = true,
                "--go-on" => wish.go_on = true,
                "--mixed" => wish.mixed = true,
                "--coverage" => wish.coverage = true,
                "--sabotage" => wish.sabotage = Some(saboteur(args.next().unwrap_or_default().as_str())?),
                other => return Err(format!("{other} is no option")),
            }
        }
        if wish.coverage && wish.seeds == 0 {
            wish.seeds = COVERED_BY;
        }
        if wish.seeds == 0 && wish.seed.is_none() {
            return Err("how many seeds?".into());
        }
        Ok(wish)
    }

    fn grant(self) -> i32 {
        match self.seed {
            Some(seed) => replay(seed, self.trace, self.sabotage),
            None => self.run(),
        }
    }

    fn run(&self) -> i32 {
        // A tool beside the program: how fast the simulator is, only a real clock can say.
        #[expect(clippy::disallowed_methods, reason = "seeds per second are measured in real time")]
        let start = Instant::now();
        let (mut coverage, mut failed, mut slowest) = (Coverage::default(), 0, Duration::ZERO);
        let mut done = 0;
        for seed in self.seeds() {
            let outcome = run_seed(seed, self.sabotage);
            coverage.add(&outcome.coverage);
            slowest = slowest.max(outcome.converged.unwrap_or_default());
            done += 1;
            if let Some(v) = &outcome.violation {
                failed += 1;
                if self.go_on {
                    println!("seed {seed} violates {} at {:?}: {}", v.invariant, v.at, v.what);
                } else {
                    print!("{}", outcome.explain());
                    break;
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        if self.coverage {
            print!("{}", coverage.of_wanted());
        } else {
            print!("{coverage}");
        }
        println!(
            "{done} seeds, {failed} failed, {:.1} seeds/s; slowest convergence {slowest:?}",
            f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / seconds
        );
        i32::from(failed > 0)
    }

    fn seeds(&self) -> impl Iterator<Item = u64> {
        let mixed = self.mixed;
        let all = (self.from..).filter(move |seed| !mixed || Options::of_seed(*seed).0.stocks > 0);
        all.take(usize::try_from(self.seeds).unwrap_or(usize::MAX))
    }
}

fn saboteur(name: &str) -> Result<Saboteur, String> {
    let found = Saboteur::ALL.into_iter().find(|s| format!("{s:?}") == name);
    found.ok_or_else(|| format!("saboteurs are {:?}", Saboteur::ALL))
}

fn replay(seed: u64, trace: bool, sabotage: Option<Saboteur>) -> i32 {
    let keep = if trace { Keep::Everything } else { Keep::Last(sim::run::SHOWN) };
    let outcome = run_seed_keeping(seed, sabotage, keep);
    if outcome.violation.is_some() {
        print!("{}", outcome.explain());
        return 1;
    }
    print!("{}", outcome.history);
    println!("seed {seed} holds; converged after {:?}", outcome.converged.unwrap_or_default());
    0
}
