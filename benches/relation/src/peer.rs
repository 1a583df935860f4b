//! What a peer is, and how lies are told to it.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    lies::{Check, Checks, LIES},
    witness::{Shape, Witness},
};

/// What a circuit is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Task {
    /// Sizes of the module.
    pub shape: Shape,
    /// Rows of X.
    pub rows: usize,
    /// What the circuit checks; all, but in tests.
    pub checks: Checks,
    /// Whether the proof must hide the witness, where a peer leaves the choice.
    pub hiding: bool,
}

impl Task {
    /// The whole relation.
    pub fn new(shape: Shape, rows: usize) -> Self {
        Self { shape, rows, checks: Checks::ALL, hiding: false }
    }
}

/// What a proof is about: digests or commitments, by name.
pub type Statement = Vec<(&'static str, Vec<u8>)>;

/// A proof system with a circuit of the relation.
pub trait Peer: Sized {
    /// Its name in reports.
    const NAME: &'static str;
    /// Library and version.
    const VERSION: &'static str;
    /// Bits of security, the least of its parts.
    const SECURITY_BITS: u32;

    /// Circuit and keys.
    ///
    /// # Errors
    /// A task that it cannot have a circuit for.
    fn setup(task: Task) -> Result<Self>;

    /// A proof of these cells, honest or not.
    ///
    /// # Errors
    /// Cells for which it finds none.
    fn prove(&self, witness: &Witness) -> Result<Vec<u8>>;

    /// What the proof says that it is about.
    ///
    /// # Errors
    /// Bytes that are no proof.
    fn statement(&self, proof: &[u8]) -> Result<Statement>;

    /// Verifies that the proof is about this statement.
    ///
    /// # Errors
    /// Why it is refused.
    fn verify(&self, statement: &Statement, proof: &[u8]) -> Result<()>;

    /// What the statement of these cells must be, where it follows from them.
    fn expected(&self, _witness: &Witness) -> Option<Statement> {
        None
    }

    /// Seconds of setup that one ceremony saves all circuits: a reference string.
    fn universal_setup_s(&self) -> f64 {
        0.0
    }

    /// What a reader of the figures should know.
    fn notes(&self) -> String;
}

/// Proves and verifies; any failure, a panic included, is a refusal.
fn attempt<P: Peer>(peer: &P, witness: &Witness) -> Result<()> {
    let proof = match catch_unwind(AssertUnwindSafe(|| peer.prove(witness))) {
        Ok(proof) => proof.context("proving")?,
        Err(panic) => bail!("proving: {}", said(&*panic)),
    };
    let statement = peer.statement(&proof)?;
    peer.verify(&statement, &proof).context("verifying")
}

/// What a panic said, shortened.
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").chars().take(100).collect()
}

/// Honest cells are accepted, every lie is refused; and a circuit without the checks that see a lie accepts it, so that
/// it is those checks, each alone, that refuse.
///
/// # Errors
/// The first that is not so.
pub fn lies_are_refused<P: Peer>(shape: Shape, rows: usize, hiding: bool, tell: &mut dyn FnMut(&str)) -> Result<()> {
    let honest = Witness::drawn(shape, rows, 1);
    let with = |checks| P::setup(Task { checks, hiding, ..Task::new(shape, rows) });
    let whole = with(Checks::ALL)?;
    attempt(&whole, &honest).context("the honest witness")?;
    attempt(&whole, &Witness::extreme(shape, rows)).context("the extreme witness")?;
    tell("honest, drawn and extreme: accepted");
    // few kinds of checks: their circuits are made once
    let mut kept: Vec<(Checks, P)> = Vec::new();
    for lie in LIES {
        let mut witness = honest.clone();
        (lie.tell)(&mut witness);
        let Err(why) = attempt(&whole, &witness) else { bail!("accepted: {}", lie.name) };
        let mut circuits = vec![(Checks::without(lie.seen_by), true)];
        circuits.extend(alone(lie.seen_by).into_iter().map(|checks| (checks, false)));
        for (checks, accepted) in circuits {
            if !kept.iter().any(|(have, _)| *have == checks) {
                kept.push((checks, with(checks)?));
            }
            let (_, peer) = kept.iter().find(|(have, _)| *have == checks).expect("made above");
            let outcome = attempt(peer, &witness);
            ensure!(outcome.is_ok() == accepted, "{}, with {checks:?}: {outcome:?}", lie.name);
        }
        tell(&format!("{}: refused by {:?} ({})", lie.name, lie.seen_by, root(&why)));
    }
    Ok(())
}

/// Circuits of one of these checks each.
fn alone(checks: &[Check]) -> Vec<Checks> {
    let all = [Check::Product, Check::Outputs, Check::Ranges];
    checks.iter().map(|check| Checks::without(&all.into_iter().filter(|c| c != check).collect::<Vec<_>>())).collect()
}

/// One line of an error's chain, in a printable length.
fn root(why: &anyhow::Error) -> String {
    format!("{why:#}").lines().next().unwrap_or_default().chars().take(110).collect()
}

/// A proof is of its statement alone: every part of another honest one's is refused, and so are changed bytes.
///
/// # Errors
/// The first that is not so.
pub fn proofs_are_bound<P: Peer>(shape: Shape, rows: usize, hiding: bool, tell: &mut dyn FnMut(&str)) -> Result<()> {
    let peer = P::setup(Task { hiding, ..Task::new(shape, rows) })?;
    let [(ours, proof), (theirs, _)] = [1, 2].map(|seed| -> (Statement, Vec<u8>) {
        let proof = peer.prove(&Witness::drawn(shape, rows, seed)).expect("an honest witness");
        (peer.statement(&proof).expect("our own proof"), proof)
    });
    peer.verify(&ours, &proof)?;
    for at in 0..ours.len() {
        let mut other = ours.clone();
        other[at] = theirs[at].clone();
        ensure!(ours[at] != other[at] && peer.verify(&other, &proof).is_err(), "another {}", ours[at].0);
    }
    let names: BTreeSet<&str> = ours.iter().map(|(name, _)| *name).collect();
    tell(&format!("another statement's {names:?}: refused"));
    let refused = |bytes: &[u8]| {
        let outcome = catch_unwind(AssertUnwindSafe(|| peer.verify(&ours, bytes)));
        outcome.map_or(true, |verdict| verdict.is_err())
    };
    let step = (proof.len() / 97).max(1);
    for at in (0..proof.len()).step_by(step) {
        let mut bad = proof.clone();
        bad[at] ^= 1;
        ensure!(refused(&bad), "byte {at} changed");
    }
    ensure!(refused(&[&proof[..], &[0]].concat()) && refused(&proof[..proof.len() - 1]), "another length");
    tell(&format!("one bit of every {step}th byte, one byte more, one less: refused"));
    Ok(())
}
