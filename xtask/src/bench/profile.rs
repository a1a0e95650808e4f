//! Where does a proxy's time go under one load? For figures that are not reached: the functions that took it, and system calls for a request.
//!
//! The same servers and the same load as in [`proxy`](super::proxy), with `perf` beside: once taking samples of where the process is, once counting its
//! system calls. Both slow it down a little, so the costs that stand at the head come from a run without either.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::proxy::cell::{Cell, Manner};
use super::proxy::options::{Options, seconds};
use super::proxy::pace;
use super::proxy::sample::Figure;
use super::proxy::stand::Stand;
use super::proxy::way::Way;
use super::servers;
use crate::cargo;
use crate::failure::{Failure, OrFail};
use crate::packages::{self, HAPROXY, OPENSSL, PERF, REDIS_SERVER, REDIS_TOOLS, TWEMPROXY};

/// Runs it.
pub(super) fn run(args: &[String]) -> Result<(), Failure> {
    let (way, cell, options) = understood(args)?;
    packages::install(&[REDIS_SERVER, REDIS_TOOLS, HAPROXY, TWEMPROXY, OPENSSL, PERF])?;
    let program = cargo::build_program("release")?;
    let pace = pace::build()?;
    let mut stand = Stand::start(&options, program, pace)?;
    if !stand.ways(cell).contains(&way) {
        return Err(Failure::new(format!(
            "{} cannot be asked {}: {}",
            way.name(),
            cell.id(),
            stand.missing.join("; ")
        )));
    }
    let results = cargo::root().join("results");
    fs::create_dir_all(&results).or_fail("create results/")?;
    let data = results.join("profile.data");
    let process = stand.process(way).to_string();
    let mut load = || stand.measure(way, cell, &options);
    let plain = load()?;
    let sampled = {
        let record = ["record", "-q", "-F", "1999", "-p", &process, "-o"];
        let perf = start(Command::new("perf").args(record).arg(&data))?;
        load()?;
        end(perf)?;
        let functions = report(&data, "symbol,dso")?;
        let callers = report(&data, "dso")?;
        let _ = fs::remove_file(&data);
        format!("{callers}\n{functions}")
    };
    let perf = start(Command::new("perf").args(["trace", "-s", "-p", &process]))?;
    let traced = load()?;
    let calls = system_calls(&end(perf)?);
    let of = |figures: &[(Figure, f64)], wanted| {
        figures.iter().find(|(figure, _)| *figure == wanted).map(|(_, value)| *value)
    };
    let number = |wanted| of(&plain, wanted).unwrap_or_default();
    let requests = of(&traced, Figure::Requests).unwrap_or(1.0);
    let text = format!(
        "{}, through {}\n{}\n- load average {}\n\nCPU seconds for a million requests: proxy {:.2}, Redis {:.2}; {:.0} requests a second\n\n\
         System calls of the process, for a request ({requests:.0} requests):\n{}\nWhere its time goes, by library, then by function:\n{sampled}",
        cell.title(),
        way.name(),
        servers::versions(&["redis-server", "haproxy"]),
        servers::load_average(),
        number(Figure::ProxyCpu),
        number(Figure::RedisCpu),
        number(Figure::Rate),
        for_a_request(&calls, requests),
    );
    println!("{text}");
    let file = results.join(format!("profile-{}-{}.txt", way.name(), cell.id()));
    fs::write(&file, &text).or_fail("write the profile")?;
    println!("written to {}", file.display());
    Ok(())
}

fn understood(args: &[String]) -> Result<(Way, Cell, Options), Failure> {
    let (mut way, mut cell, mut time) = (Way::Session, "get-64-50-p1".to_owned(), 3.0);
    let mut args = args.iter();
    while let Some(option) = args.next() {
        let value = args.next().ok_or_else(|| Failure::usage(format!("{option} takes a value")))?;
        match option.as_str() {
            "--way" => {
                let known = Way::ALL.map(Way::name).join(", ");
                let unknown = || Failure::usage(format!("--way does not know '{value}'; there are: {known}"));
                way = Way::from_name(value).ok_or_else(unknown)?;
            }
            "--load" => cell.clone_from(value),
            "--seconds" => time = seconds(value)?,
            other => return Err(Failure::usage(format!("bench profile does not know '{other}'"))),
        }
    }
    let known = || Cell::all().into_iter().filter(|cell| cell.manner != Manner::Idle);
    let names = || known().map(Cell::id).collect::<Vec<_>>().join(" ");
    let found = known().find(|known| known.id() == cell);
    let cell = found.ok_or_else(|| Failure::usage(format!("--load takes one of: {}", names())))?;
    Ok((way, cell, Options { ways: vec![way], cells: vec![cell], seconds: time, ..Options::default() }))
}

/// Starts perf beside the load.
fn start(perf: &mut Command) -> Result<Child, Failure> {
    let child = perf.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().or_fail("start perf")?;
    // It says nothing when it has attached itself, and a load of seconds forgives a part of one.
    thread::sleep(Duration::from_millis(500));
    Ok(child)
}

/// Ends it as Ctrl-C does; what it said.
fn end(perf: Child) -> Result<String, Failure> {
    let asked = Command::new("kill").args(["-INT", &perf.id().to_string()]).status();
    asked.or_fail("end perf")?;
    let said = perf.wait_with_output().or_fail("wait for perf")?;
    Ok(String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned())
}

/// What took at least half a percent of the time, most first.
fn report(data: &Path, by: &str) -> Result<String, Failure> {
    let mut perf = Command::new("perf");
    perf.args(["report", "--stdio", "--percent-limit", "0.5", "--sort", by, "-i"]).arg(data);
    let said = perf.output().or_fail("start perf report")?;
    let text = String::from_utf8_lossy(&said.stdout);
    // Columns for kernels that know more are empty: they end in dashes.
    let lines = text
        .lines()
        .map(|line| line.trim_end_matches([' ', '-']))
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<&str> = lines.collect();
    if lines.is_empty() {
        return Err(Failure::new(format!("perf has no samples: {}", String::from_utf8_lossy(&said.stderr))));
    }
    Ok(lines.join("\n") + "\n")
}

/// Reads the tables of `perf trace -s`, one for each thread: `   epoll_wait   1234   0   56.789 ...`; calls by name, over all threads.
fn system_calls(said: &str) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for line in said.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(Ok(count)), Some(Ok(_))) =
            (words.next(), words.next().map(str::parse::<u64>), words.next().map(str::parse::<u64>))
        else {
            continue;
        };
        *calls.entry(name.to_owned()).or_default() += count;
    }
    calls
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn for_a_request(calls: &BTreeMap<String, u64>, requests: f64) -> String {
    if calls.is_empty() {
        return "  `perf trace` told none: it needs root and tracefs\n".to_owned();
    }
    let mut calls: Vec<(&str, f64)> =
        calls.iter().map(|(name, count)| (name.as_str(), *count as f64 / requests)).collect();
    calls.sort_by(|a, b| b.1.total_cmp(&a.1));
    let all = calls.iter().map(|(_, count)| count).sum();
    let often = calls.into_iter().filter(|(_, count)| *count >= RARE);
    [("all", all)].into_iter().chain(often).map(|(name, count)| format!("  {name:<16} {count:.4}\n")).collect()
}

/// Calls that are rarer than one in so many requests belong to no request.
const RARE: f64 = 0.0005;

#[cfg(test)]
mod tests {
    use super::*;

    fn from(line: &str) -> Result<(Way, Cell, Options), Failure> {
        understood(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn one_way_and_one_load_are_understood() {
        let (way, cell, options) = from("--way haproxy-1 --load set-4096-50-p16-tls --seconds 2").unwrap();
        assert_eq!((way, cell.id(), options.seconds), (Way::Haproxy { threads: 1 }, "set-4096-50-p16-tls".into(), 2.0));
        assert_eq!((options.ways, options.cells), (vec![way], vec![cell]));
        for line in ["--way nginx", "--load idle-9900", "--load get", "--seconds", "--fast 1"] {
            assert_eq!(from(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn calls_are_counted_over_all_threads() {
        let said = " Summary of events:\n\n standfast (7), 12 events, 50.0%\n\n   syscall            calls  errors  total\n   \
                    ---------------  --------  ------\n   read                  30      2     0.2    0.0\n\n worker (8), 3 events\n\n   \
                    read                  20      0     0.2    0.0\n   epoll_wait             1      0     9.0    9.0\n";
        let calls = system_calls(said);
        assert_eq!(calls.into_iter().collect::<Vec<_>>(), [("epoll_wait".to_owned(), 1), ("read".to_owned(), 50)]);
        let told = for_a_request(&system_calls(said), 25.0);
        assert!(told.contains("all              2.0400\n") && told.contains("read             2.0000\n"), "{told}");
    }
}
