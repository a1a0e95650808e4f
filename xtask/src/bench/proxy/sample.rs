//! What is measured, and how is it kept?

use serde_json::{Map, Value, json};

use super::cell::Cell;
use super::options::Options;
use super::way::Way;
use crate::failure::{Failure, OrFail};

/// One figure of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Requests a second.
    Rate,
    /// CPU seconds of the proxy for a million requests.
    ProxyCpu,
    /// CPU seconds of Redis for a million requests.
    RedisCpu,
    /// CPU seconds of both.
    BothCpu,
    /// Microseconds from when a request was due until it was answered, for half of them.
    P50,
    P99,
    P999,
    /// Microseconds by which the load itself was late, for 99 in 100 requests.
    Late,
    /// How many requests were answered.
    Requests,
    /// Memory of the proxy for one idle connection, in bytes.
    Idle,
    /// Memory of Redis for one idle connection of a client, in bytes.
    IdleRedis,
}

impl Figure {
    const KEPT: [(Self, &str); 10] = [
        (Self::Rate, "requests_a_second"),
        (Self::ProxyCpu, "proxy_cpu_seconds_a_million"),
        (Self::RedisCpu, "redis_cpu_seconds_a_million"),
        (Self::P50, "p50_us"),
        (Self::P99, "p99_us"),
        (Self::P999, "p999_us"),
        (Self::Late, "load_late_p99_us"),
        (Self::Requests, "requests"),
        (Self::Idle, "proxy_bytes_a_connection"),
        (Self::IdleRedis, "redis_bytes_a_connection"),
    ];

    /// Of all other figures less is better.
    pub(crate) fn more_is_better(self) -> bool {
        self == Self::Rate
    }
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) round: u32,
    pub(crate) way: Way,
    pub(crate) cell: Cell,
    pub(crate) figures: Vec<(Figure, f64)>,
}

impl Sample {
    pub(crate) fn figure(&self, wanted: Figure) -> Option<f64> {
        if wanted == Figure::BothCpu {
            return Some(self.figure(Figure::RedisCpu)? + self.figure(Figure::ProxyCpu).unwrap_or_default());
        }
        self.figures.iter().find(|(figure, _)| *figure == wanted).map(|(_, value)| *value)
    }

    fn json(&self) -> Value {
        let mut sample = Map::new();
        sample.insert("round".into(), self.round.into());
        sample.insert("way".into(), self.way.name().into());
        sample.insert("load".into(), self.cell.id().into());
        for (figure, name) in Figure::KEPT {
            self.figure(figure).map(|value| sample.insert(name.into(), value.into()));
        }
        sample.into()
    }

    /// `None` for a way or a load that there is no more.
    fn read(sample: &Value) -> Option<Self> {
        let kept = Figure::KEPT.into_iter();
        Some(Self {
            round: sample["round"].as_u64()?.try_into().ok()?,
            way: Way::from_name(sample["way"].as_str()?)?,
            cell: Cell::from_id(sample["load"].as_str()?)?,
            figures: kept.filter_map(|(figure, name)| Some((figure, sample[name].as_f64()?))).collect(),
        })
    }
}

/// Every sample, for whoever wants other figures, and for `--against`.
pub(crate) fn json(options: &Options, samples: &[Sample], about: &[String]) -> String {
    let all = json!({
        "seed": options.seed, "rounds": options.rounds, "seconds": options.seconds, "rate": options.rate, "about": about,
        "samples": samples.iter().map(Sample::json).collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}

/// The samples of an earlier result.
pub(crate) fn read(text: &str) -> Result<Vec<Sample>, Failure> {
    let all: Value = serde_json::from_str(text).or_fail("read the earlier result")?;
    let samples: Vec<Sample> = all["samples"].as_array().into_iter().flatten().filter_map(Sample::read).collect();
    if samples.is_empty() {
        return Err(Failure::new("the earlier result has no sample of a way and a load that are measured today"));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let cell = Cell::from_id("get-64-50-rate").unwrap();
        let figures =
            vec![(Figure::ProxyCpu, 2.5), (Figure::RedisCpu, 1.0), (Figure::P99, 0.3), (Figure::Requests, 9.0)];
        let sample = Sample { round: 3, way: Way::Session, cell, figures };
        let text = json(&Options::default(), std::slice::from_ref(&sample), &["2 cores".into()]);
        assert_eq!(read(&text).unwrap(), std::slice::from_ref(&sample));
        assert_eq!(sample.figure(Figure::BothCpu), Some(3.5));
        assert!(read("{}").is_err() && read("?").is_err());
    }
}
