//! Going on with a proof that was stopped: what it says so far is read as a verifier reads it, the rest is proven.

use ark_bn254::Fr;

use super::{
    party::{Fractions, Party, Stage, Verifying, Word},
    prover::{LENIENT, Lenient, Proving},
};
use crate::{
    columns::Term,
    error::Result,
    fractions::Tree,
    lookup::Lookups,
    sumcheck::Lockstep,
    transcript::{Transcript, bytes::Bytes, writer::Writer},
};
use talea_gpu::Device;

/// A prover that first reads its own earlier words.
pub(super) struct Resuming<'p, D> {
    /// The proof so far, as long as any of it is left.
    saved: Option<Transcript<'static, Lenient, Bytes<'p>>>,
    bytes: &'p [u8],
    pub live: Proving<'p, D>,
}

impl<'p, D: Device> Resuming<'p, D> {
    /// Begins with `bytes`, which end with a stage or are none; `points` of them are commitments.
    pub fn new(bytes: &'p [u8], points: usize, key: &[u8; 32], statement: &[Fr], live: Proving<'p, D>) -> Result<Self> {
        let mut all = Self { saved: None, bytes, live };
        if !bytes.is_empty() {
            let mut tx = Transcript::new(LENIENT, Bytes::new(bytes), key, statement);
            (0..points).try_for_each(|_| tx.point("chunk").map(drop))?;
            all.saved = Some(tx);
            all.turn();
        }
        Ok(all)
    }

    /// Goes live when all is read.
    fn turn(&mut self) {
        if let Some(tx) = self.saved.take_if(|tx| tx.source.left() == 0) {
            self.live.tx = Writer::resumed(Lenient::default(), tx.into_sponge(), self.bytes.to_vec());
        }
    }

    fn read<T>(
        &mut self, read: impl FnOnce(&mut Verifying<'_, 'static, Lenient, Bytes<'p>>) -> Result<T>,
    ) -> Result<T> {
        let tx = self.saved.as_mut().expect("only while something is left");
        let mut party = Verifying { tx, claims: std::mem::take(&mut self.live.claims) };
        let out = read(&mut party);
        self.live.claims = party.claims;
        self.turn();
        out
    }
}

impl<D: Device> Party<Lenient> for Resuming<'_, D> {
    fn arithmetic(&self) -> &Lenient {
        LENIENT
    }
    fn challenge(&mut self) -> Fr {
        match &mut self.saved {
            Some(tx) => tx.challenge(),
            None => self.live.challenge(),
        }
    }
    fn word(&mut self, field: &'static str, word: Word<'_, Fr>) -> Result<Fr> {
        if self.saved.is_some() { self.read(|p| p.word(field, word)) } else { self.live.word(field, word) }
    }
    fn slices(&mut self, field: &'static str, point: Vec<Fr>, terms: Vec<Term<Fr>>) -> Result<Fr> {
        match self.saved.is_some() {
            true => self.read(|p| p.slices(field, point, terms)),
            false => self.live.slices(field, point, terms),
        }
    }
    fn lockstep(
        &mut self, field: &'static str, degree: usize, stage: Stage<'_, Fr>, sums: &[(usize, Fr)],
    ) -> Result<Lockstep<Fr>> {
        match self.saved.is_some() {
            true => self.read(|p| p.lockstep(field, degree, stage, sums)),
            false => self.live.lockstep(field, degree, stage, sums),
        }
    }
    fn lookups(&mut self, lookups: &Lookups) -> Result<()> {
        if self.saved.is_some() { self.read(|p| p.lookups(lookups)) } else { self.live.lookups(lookups) }
    }
    fn payouts(&mut self, tree: &Tree, vars: usize, zeta: &Fr) -> Result<Fractions<Fr>> {
        match self.saved.is_some() {
            true => self.read(|p| p.payouts(tree, vars, zeta)),
            false => self.live.payouts(tree, vars, zeta),
        }
    }
}
