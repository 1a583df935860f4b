//! What is seen to be right before anything is timed: integers against the reference in the clear, and changed proofs refused.

use std::{cell::RefCell, collections::BTreeMap};

use rayon::prelude::*;
use talea_circuits::{
    Fr, G1Affine, ProofError,
    arithmetic::Native,
    relations::{statement::Statement, values::Values},
    transcript::{
        Source, Transcript,
        bytes::{Bytes, point_bytes, scalar_bytes},
    },
};
use talea_formats::adapter::IntModule;
use talea_witness::{
    adapter::quantise::{delta, low_rank},
    batch::payout::{Credit, pay},
    influence::{Influence, scores, weigh},
    network::{Policy, Roles},
};

use super::work::{POLICY, Work};

/// Every slot's integers are those of the reference in the clear, computed from the same weights and rows by `talea-witness`.
pub fn integers(work: &Work, values: &Values) -> anyhow::Result<()> {
    for slot in 0..work.sizes.slots {
        let v = rows(work, values, slot)?;
        let influences = influence(work, values, slot, &v)?;
        payouts(work, values, slot, &influences)?;
    }
    padding(work, values)
}

/// Slots up to the next power of two pay nobody.
fn padding(work: &Work, values: &Values) -> anyhow::Result<()> {
    let s = &work.sizes;
    let (k, q) = (s.slots << work.key.shape.clusters, s.slots * s.requests);
    let lists: [(&str, &[u128]); 5] = [
        ("pools", &values.pools[q..]),
        ("quotients", &values.quotients[q..]),
        ("amounts", &values.amounts[k..]),
        ("roles", &values.roles[4 * s.slots..]),
        ("dust", &values.dust[s.slots..]),
    ];
    lists.into_iter().try_for_each(|(what, rest)| same(s.slots, what, [(rest, [].as_slice())]))
}

/// As many rows as the reference has, pair by pair.
fn paired<'v, T: 'v>(
    slot: usize, what: &str, found: impl ExactSizeIterator<Item = &'v [T]>,
    expected: impl ExactSizeIterator<Item = &'v [T]>,
) -> anyhow::Result<impl Iterator<Item = (&'v [T], &'v [T])>> {
    let (rows, asked) = (found.len(), expected.len());
    anyhow::ensure!(rows == asked, "slot {slot}: {what} has {rows} rows, the reference in the clear {asked}");
    Ok(found.zip(expected))
}

/// U and D of a slot; V of its requests.
fn rows(work: &Work, values: &Values, slot: usize) -> anyhow::Result<Vec<Vec<i64>>> {
    let (s, room) = (&work.sizes, 1usize << work.key.shape.rank());
    let adapter = s.adapter(slot);
    let mut v = vec![Vec::new(); s.requests];
    for (i, (a, b)) in adapter.a.into_iter().zip(adapter.b).enumerate() {
        let module = IntModule {
            path: String::new(),
            input: i as u32,
            rank: s.rank as u32,
            d_in: s.d_in as u32,
            d_out: s.d_out as u32,
            sigma_a: 1.0,
            sigma_b: 1.0,
            a,
            b,
        };
        let place = slot * s.modules + i;
        let u = low_rank(&module, &s.inputs(slot, i));
        same(slot, "U", paired(slot, "U", values.u[place].chunks(room), u.chunks(s.rank))?)?;
        if s.deltas {
            let d = delta(&module, &u);
            let outputs = work.key.shape.outputs();
            anyhow::ensure!(
                values.d.len() == outputs.len(),
                "D has {} blocks, expected {}",
                values.d.len(),
                outputs.len()
            );
            for (block, found) in outputs.iter().zip(&values.d).filter(|(b, _)| b.place == place) {
                let own = d.chunks(s.d_out).map(|row| &row[block.begin..][..1 << block.vars]);
                same(slot, "D", paired(slot, "D", found.chunks(1 << block.vars), own)?)?;
            }
        }
        for (v, rows) in v.iter_mut().zip(u.chunks(s.tokens * s.rank)) {
            v.extend((0..s.rank).map(|rho| rows.iter().skip(rho).step_by(s.rank).map(|u| i64::from(*u)).sum::<i64>()));
        }
    }
    Ok(v)
}

/// S, κ, R and w of a slot's requests.
fn influence(work: &Work, values: &Values, slot: usize, v: &[Vec<i64>]) -> anyhow::Result<Vec<Influence>> {
    let (k, q) = (1usize << work.key.shape.clusters, work.sizes.requests);
    let h = work.sizes.adapter(slot).h;
    let all: Vec<Influence> = v.par_iter().map(|v| weigh(scores(v, &h), POLICY.power)).collect();
    for (i, own) in (slot * q..).zip(&all) {
        let cells = i * k..(i + 1) * k;
        same(slot, "scores", [(&values.scores[cells.clone()], own.scores.as_slice())])?;
        same(slot, "κ", [([values.kappa[i]].as_slice(), [own.kappa].as_slice())])?;
        same(slot, "ranks", [(&values.ranks[cells.clone()], own.ranks.as_slice())])?;
        same(slot, "weights", [(&values.weights[cells], own.weights.as_slice())])?;
    }
    Ok(all)
}

/// Pools, quotients, amounts, roles and dust of a slot.
fn payouts(work: &Work, values: &Values, slot: usize, influences: &[Influence]) -> anyhow::Result<()> {
    let (k, q) = (1usize << work.key.shape.clusters, work.sizes.requests);
    let fees = work.sizes.fees(slot);
    let credits: Vec<Credit<'_>> = influences
        .iter()
        .zip(&fees)
        .map(|(own, fee)| Credit { fee: *fee, weights: &own.weights, total: own.total })
        .collect();
    let [contributors_bps, adapter_owner, base_owner, node_bps, treasury] = POLICY.bps;
    let [adapter_owner, base_owner, treasury] = [adapter_owner, base_owner, treasury].map(|bps| (bps, [0; 20]));
    let roles = Roles { adapter_owner, base_owner, node_bps, treasury };
    let policy = Policy { power: POLICY.power, contributors_bps, roles, sink: [0; 20] };
    let paid = pay(&policy, &credits, work.sizes.clusters);
    let lists: [(&str, &[u128], &[u128]); 5] = [
        ("pools", &values.pools[slot * q..][..q], &paid.pools),
        ("quotients", &values.quotients[slot * q..][..q], &paid.quotients),
        ("amounts", &values.amounts[slot * k..][..k], &paid.clusters),
        ("roles", &values.roles[slot * 4..][..4], &paid.roles),
        ("dust", &values.dust[slot..=slot], &[paid.dust]),
    ];
    lists.into_iter().try_for_each(|(what, found, expected)| same(slot, what, [(found, expected)]))
}

/// Refuses lists that differ; behind the expected ones stand zeros.
fn same<'v, T: PartialEq + Default + 'v>(
    slot: usize, what: &str, lists: impl IntoIterator<Item = (&'v [T], &'v [T])>,
) -> anyhow::Result<()> {
    let equal = |(found, expected): (&[T], &[T])| {
        found.strip_prefix(expected).is_some_and(|rest| rest.iter().all(|n| *n == T::default()))
    };
    anyhow::ensure!(lists.into_iter().all(equal), "slot {slot}: {what} are not those of the reference in the clear");
    Ok(())
}

/// How many places are spread over a proof, besides one of every kind.
const SPREAD: usize = 32;

/// A proof with another value in one of its fields is refused, for one field of every kind and some spread over all; says how many.
pub fn changes(work: &Work, statement: &Statement<Fr>, proof: &[u8]) -> anyhow::Result<usize> {
    let fields = fields(work, statement, proof)?;
    let read: usize = fields.iter().map(|f| f.bytes).sum();
    anyhow::ensure!(read == proof.len(), "of {} bytes of proof the verifier read {read}", proof.len());
    let kinds = fields.iter().map(|f| (f.name, f));
    let spread = (0..SPREAD).map(|i| &fields[i * fields.len() / SPREAD]);
    let chosen: BTreeMap<usize, &Field> =
        kinds.collect::<BTreeMap<_, _>>().into_values().chain(spread).map(|f| (f.at, f)).collect();
    let accepted = chosen.par_iter().find_any(|(_, field)| {
        let changed = field.changed(proof);
        changed == proof || work.key.verify(&work.pairing, statement, &changed).is_ok()
    });
    match accepted {
        Some((at, field)) => anyhow::bail!("accepted: a proof with another {} at byte {at}", field.name),
        None => Ok(chosen.len()),
    }
}

/// The fields of a proof in the order in which the verifier reads them.
fn fields(work: &Work, statement: &Statement<Fr>, proof: &[u8]) -> anyhow::Result<Vec<Field>> {
    let (log, words) = (RefCell::new(Vec::new()), statement.words());
    let source = Recorder { inner: Bytes::new(proof), proof, log: &log };
    work.key.reduce(statement, Transcript::new(&Native, source, work.key.digest(), &words))?.check(&work.pairing)?;
    Ok(log.into_inner())
}

/// A scalar or a point of a proof.
struct Field {
    name: &'static str,
    at: usize,
    bytes: usize,
}

impl Field {
    /// The proof with another number in this field, or the point's negative: well formed, so that the encoding does not give it away.
    fn changed(&self, proof: &[u8]) -> Vec<u8> {
        let mut all = proof.to_vec();
        let own = &mut all[self.at..self.at + self.bytes];
        let mut read = Bytes::new(own);
        let other = match self.bytes {
            POINT => point_bytes(&-read.point(self.name).expect("was read before")).to_vec(),
            _ => scalar_bytes(&(read.scalar(self.name).expect("was read before") + Fr::from(1u64))).to_vec(),
        };
        own.copy_from_slice(&other);
        all
    }
}

/// Bytes of a point.
const POINT: usize = 64;

/// A proof that is read, with a log of its fields.
struct Recorder<'b, 'l> {
    inner: Bytes<'b>,
    proof: &'b [u8],
    log: &'l RefCell<Vec<Field>>,
}

impl Recorder<'_, '_> {
    fn noted<T>(
        &mut self, name: &'static str, read: impl FnOnce(&mut Bytes<'_>) -> Result<T, ProofError>,
    ) -> Result<T, ProofError> {
        let left = self.inner.left();
        let value = read(&mut self.inner)?;
        self.log.borrow_mut().push(Field { name, at: self.proof.len() - left, bytes: left - self.inner.left() });
        Ok(value)
    }
}

impl Source<Native> for Recorder<'_, '_> {
    fn scalar(&mut self, name: &'static str) -> Result<Fr, ProofError> {
        self.noted(name, |bytes| bytes.scalar(name))
    }
    fn point(&mut self, name: &'static str) -> Result<G1Affine, ProofError> {
        self.noted(name, |bytes| bytes.point(name))
    }
    fn finish(self) -> Result<(), ProofError> {
        self.inner.finish()
    }
}

#[cfg(test)]
mod tests {
    use talea_srs::Srs;

    use super::*;
    use crate::commands::bench::work::Sizes;

    /// One number of each kind, changed in the last slot, is found and named.
    #[test]
    fn integers_other_than_the_references_are_refused() {
        let sizes = Sizes {
            d_in: 6,
            rank: 3,
            d_out: 5,
            modules: 2,
            slots: 3,
            requests: 4,
            tokens: 2,
            clusters: 5,
            deltas: true,
            seed: 1,
        };
        let work = Work::new(sizes, &Srs::dev(14, &[], "tests").unwrap()).unwrap();
        let honest = work.given().values(&talea_gpu::Cpu, &work);
        integers(&work, &honest).unwrap();
        let (k, q) = (8, 4);
        type Lie = fn(&mut Values, usize);
        let lies: [(&str, Lie); 11] = [
            ("U", |v, _| *v.u.last_mut().unwrap().last_mut().unwrap() += 1),
            ("D", |v, _| *v.d.last_mut().unwrap().last_mut().unwrap() += 1),
            ("scores", |v, cell| v.scores[cell] += 1),
            ("κ", |v, cell| v.kappa[cell / 8] += 1),
            ("ranks", |v, cell| v.ranks[cell] += 1),
            ("weights", |v, cell| v.weights[cell] += 1),
            ("pools", |v, cell| v.pools[cell / 8] += 1),
            ("quotients", |v, cell| v.quotients[cell / 8] += 1),
            ("amounts", |v, _| v.amounts[2 * 8 + 7] += 1),
            ("roles", |v, _| v.roles[2 * 4 + 3] += 1),
            ("dust", |v, _| v.dust[2] += 1),
        ];
        for (name, lie) in lies {
            let mut values = honest.clone();
            lie(&mut values, 2 * q * k + 1);
            let said = integers(&work, &values).unwrap_err().to_string();
            assert_eq!(said, format!("slot 2: {name} are not those of the reference in the clear"));
        }
        type Gap = fn(&mut Values);
        let missing: [(&str, Gap); 4] = [
            ("slot 2: U has 0 rows, the reference in the clear 8", |v| v.u[4].clear()),
            ("D has 0 blocks, expected ", |v| v.d.clear()),
            ("slot 0: D has 7 rows, the reference in the clear 8", |v| v.d[0].truncate(7 * 4)),
            ("slot 3: amounts are not those", |v| v.amounts[3 * 8] += 5),
        ];
        for (name, lie) in missing {
            let mut values = honest.clone();
            lie(&mut values);
            let said = integers(&work, &values).unwrap_err().to_string();
            assert!(said.starts_with(name), "{said}");
        }
    }
}
