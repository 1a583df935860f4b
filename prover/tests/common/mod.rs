//! Runs the built command.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod anvil;
pub mod gpu;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A folder of fixtures/.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)
}

/// A finished run.
pub struct Run(pub Output);

/// Runs `talea` with these arguments in the repository's root.
pub fn talea(args: &[&str]) -> Run {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    Run(Command::new(env!("CARGO_BIN_EXE_talea")).args(args).current_dir(root).output().unwrap())
}

impl Run {
    /// Fails with both streams unless the exit status is this one.
    pub fn expect_status(self, want: i32) -> Self {
        assert_eq!(self.0.status.code(), Some(want), "{}\n{}", self.stdout(), self.stderr());
        self
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// The one line of a refusal: exit status 2 and nothing on stdout.
    pub fn refusal(self) -> String {
        let run = self.expect_status(2);
        assert_eq!(run.stdout(), "");
        let err = run.stderr();
        assert_eq!(err.trim_end().lines().count(), 1, "{err}");
        err.trim_end().to_string()
    }
}

/// Runs `talea --json …` and parses what it prints.
pub fn json_of(args: &[&str]) -> serde_json::Value {
    let mut all = vec!["--json"];
    all.extend(args);
    serde_json::from_str(&talea(&all).expect_status(0).stdout()).unwrap()
}

pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for e in std::fs::read_dir(from).unwrap() {
        let path = e.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
