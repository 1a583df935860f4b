//! What a proof takes: time by stages, processor time, memory.

use std::time::Instant;

use serde_json::{Value, json};

use crate::output::table;

/// What one proof took.
pub struct Sample {
    /// Of proving, without the verification.
    pub seconds: f64,
    /// Processor time of all threads meanwhile, where the system tells.
    pub cpu_seconds: Option<f64>,
    /// Stages of proving in their order, then the verification.
    pub stages: Vec<(&'static str, f64)>,
}

impl Sample {
    pub fn json(&self) -> Value {
        json!({ "seconds": self.seconds, "cpu_seconds": self.cpu_seconds, "stages": self.stages_json() })
    }

    pub fn stages_json(&self) -> Value {
        self.stages.iter().map(|(name, s)| json!({ "stage": name, "seconds": s })).collect()
    }

    pub fn print(&self) {
        table(
            ["stage", "ms", "of proving"],
            &[1, 2],
            self.stages.iter().map(|(name, s)| {
                let of = if *name == VERIFY { "–".into() } else { format!("{:.1} %", s / self.seconds * 100.0) };
                [name.to_string(), format!("{:.1}", s * 1e3), of]
            }),
        );
    }

    /// Processor time in words.
    pub fn cpu(&self) -> String {
        self.cpu_seconds.map_or("unknown".into(), |s| format!("{s:.2} s"))
    }
}

const VERIFY: &str = "verify";

/// Times one proof; a stage lasts until the next one begins.
pub struct Clock {
    start: Instant,
    cpu: Option<f64>,
    stages: Vec<(&'static str, f64)>,
    running: (&'static str, Instant),
}

impl Clock {
    /// Starts with the first stage.
    pub fn start(stage: &'static str) -> Self {
        let start = Instant::now();
        Self { start, cpu: cpu_seconds(), stages: Vec::new(), running: (stage, start) }
    }

    pub fn begin(&mut self, stage: &'static str) {
        let (name, since) = std::mem::replace(&mut self.running, (stage, Instant::now()));
        self.stages.push((name, since.elapsed().as_secs_f64()));
    }

    /// The proof is there; `verify` is timed beside it.
    pub fn finish<E>(mut self, verify: impl FnOnce() -> Result<(), E>) -> Result<Sample, E> {
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu_seconds = self.cpu.zip(cpu_seconds()).map(|(before, after)| after - before);
        self.begin(VERIFY);
        verify()?;
        self.begin("");
        Ok(Sample { seconds, cpu_seconds, stages: self.stages })
    }
}

/// User and system time of this process so far.
#[cfg(unix)]
fn cpu_seconds() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

#[cfg(not(unix))]
fn cpu_seconds() -> Option<f64> {
    None
}

/// The most memory that this process held, where the system tells.
pub fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
