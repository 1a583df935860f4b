//! Batches end to end, and provers who lie at one step and are honest downstream: each must fail, and where it must.

mod common;

use std::{collections::BTreeSet, sync::Arc};

use ark_bn254::Fr;
use common::{
    batch::{Case, PRODUCTS, Random, WEIGHTS, a_case, case, extreme, failed, shape},
    srs,
};
use talea_circuits::{
    Check, Result,
    columns::ColumnId,
    relations::{
        parts::Parts,
        statement::Statement,
        values::{Values, recount},
    },
};
use talea_gpu::{Cpu, Ints};

/// How many random batches: many by hand, few in every run.
fn rounds() -> u64 {
    std::env::var("TALEA_BATCHES").ok().and_then(|n| n.parse().ok()).unwrap_or(16)
}

/// Cells that say nothing but what the statement's C_req says: receipts; and B where no delta is proven.
fn declared(parts: &Parts, deltas: bool) -> BTreeSet<ColumnId> {
    let b = parts.adapters.iter().filter(|_| !deltas).flat_map(|a| a.b.iter().flatten());
    parts.receipt.iter().chain(b).copied().collect()
}

#[test]
fn honest_batches_are_accepted_and_one_changed_cell_is_not() {
    for seed in 0..rounds() {
        let case = case(shape(seed % 2 == 0), seed);
        let columns = case.columns();
        assert_eq!(case.check(columns.clone()), Ok(()), "seed {seed}");
        let mut n = Random::new(seed + 1000);
        let skip = declared(&case.key.parts, case.key.shape.deltas);
        let ids: Vec<usize> = (0..columns.len()).filter(|i| !skip.iter().any(|id| id.index() == *i)).collect();
        let column = ids[n.below(ids.len() as u64) as usize];
        let (bad, at) = changed(columns, column, &mut n);
        let name = case.key.layout.columns()[column].name;
        assert!(case.check(bad).is_err(), "seed {seed}, column {name}, cell {at}");
    }
}

/// A cell of a column, another value of its type.
fn changed(mut columns: Vec<Ints>, column: usize, n: &mut Random) -> (Vec<Ints>, usize) {
    let at = n.below(columns[column].len() as u64) as usize;
    let old = columns[column].get(at);
    columns[column] = wide(&columns[column]);
    columns[column].set(at, if n.below(2) == 0 { old ^ 1 } else { old + 1 });
    (columns, at)
}

fn wide(column: &Ints) -> Ints {
    match column {
        Ints::U64(_) => column.clone(),
        _ => Ints::I64((0..column.len()).map(|i| column.get(i) as i64).collect()),
    }
}

/// Every column of the witness, one cell: none is free.
#[test]
fn every_column_is_bound() {
    let case = case(shape(true), 77);
    let columns = case.columns();
    let skip = declared(&case.key.parts, true);
    let mut n = Random::new(5);
    for column in 0..columns.len() {
        let (bad, at) = changed(columns.clone(), column, &mut n);
        let name = case.key.layout.columns()[column].name;
        let said = case.check(bad);
        match skip.iter().any(|id| id.index() == column) {
            true => assert_eq!(said, Ok(()), "{name} is only committed"),
            false => assert!(said.is_err(), "{name}, cell {at}"),
        }
    }
}

/// What a liar's proof says, multiplicities counted again where that is possible.
fn lie(case: &Case, change: impl FnOnce(&mut Vec<Ints>, &Parts)) -> Result<()> {
    let mut columns = case.columns();
    change(&mut columns, &case.key.parts);
    if let Ok(counts) = recount(&case.key, &columns) {
        case.key.parts.multiplicities.iter().zip(counts).for_each(|(id, c)| columns[id.index()] = c);
    }
    case.check(columns)
}

/// The same, at the level of values; everything after is computed again.
fn lie_in_values(case: &mut Case, change: impl FnOnce(&mut Values)) -> Result<()> {
    change(&mut case.values);
    let adapters: Vec<_> = case.adapters.iter().collect();
    let columns = case.values.columns(&case.key, &adapters).expect("limbs are cut to their range");
    case.check(columns)
}

/// A request with a positive score, as (cell of its highest score, its row).
fn credited(case: &Case) -> (usize, usize) {
    let k = 1usize << case.key.shape.clusters;
    let at = (0..case.values.scores.len()).max_by_key(|i| case.values.scores[*i]).unwrap();
    assert!(case.values.scores[at] > 0 && case.values.requests[at / k].fee > 0);
    (at, at / k)
}

#[test]
fn rows_are_rounded_products() {
    let mut c = a_case();
    assert_eq!(
        lie_in_values(&mut c, |v| {
            v.u[0][0] += 1;
        }),
        failed(Check::Relation("rounded product"))
    );
    // U one more and rem 2^16 less is the same number: only the range tells
    let c = a_case();
    let said = lie(&c, |columns, parts| {
        let (u, rem) = (&parts.cubes[0].u, &parts.cubes[0].rem);
        for (id, by) in [(u.columns[0], 1), (rem.columns[0], -(1 << 16))] {
            columns[id.index()] = wide(&columns[id.index()]);
            let v = columns[id.index()].get(0);
            columns[id.index()].set(0, v + by);
        }
    });
    assert_eq!(said, failed(Check::LookupRoot));
    let mut c = a_case();
    assert_eq!(lie_in_values(&mut c, |v| v.d[1][3] -= 1), failed(PRODUCTS));
}

#[test]
fn adapters_are_those_of_the_statement() {
    let (mut c, other) = (a_case(), case(shape(true), 4242));
    let honest = c.commit(c.columns()).statement;
    // another adapter, everything computed with it
    c.adapters[0] = other.adapters[0].clone();
    let adapters: Vec<_> = c.adapters.iter().collect();
    let v = &c.values;
    c.values = Values::new(&Cpu, &c.key, &adapters, v.slots.clone(), v.requests.clone(), v.x.clone());
    let (own, proof) = c.prove(c.columns());
    assert_eq!(c.key.verify(&srs().1, &own, &proof), Ok(()));
    // the same proof under the other statement's digest: the words differ, so that challenges do; the digest is looked at first
    let swapped = Statement { slots: honest.slots.clone(), ..own };
    assert_eq!(c.key.verify(&srs().1, &swapped, &proof), failed(Check::Statement("adapter")));
    // the registered commitments with another adapter's index behind them
    let mut c = a_case();
    let points = c.adapters[0].points.clone();
    for id in c.key.parts.adapters[0].h.clone() {
        Arc::make_mut(&mut c.adapters[0].witness.columns)[id.index()] =
            other.adapters[0].witness.columns[id.index()].clone();
    }
    c.adapters[0].points = points;
    let adapters: Vec<_> = c.adapters.iter().collect();
    c.values.partials(&c.key, &adapters);
    c.values.weigh(&c.key);
    c.values.pay(&c.key);
    assert_eq!(c.check(c.columns()), failed(Check::Pairing));
}

#[test]
fn influence_is_that_of_the_requests_tokens() {
    // a row beyond a request's tokens that adds influence
    let mut c = a_case();
    let t = 1usize << c.key.shape.tokens;
    let row = (0..4 * t).find(|row| (c.values.requests[row / t].tokens as usize) <= row % t).unwrap();
    let adapters: Vec<_> = c.adapters.iter().collect();
    let width = 1usize << c.key.shape.inputs()[0].vars;
    c.values.x[0][row * width] = 100_000;
    c.values.rows(&Cpu, &c.key, &adapters);
    c.values.outputs(&Cpu, &c.key, &adapters);
    c.values.partials(&c.key, &adapters);
    c.values.weigh(&c.key);
    c.values.pay(&c.key);
    assert_eq!(c.check(c.columns()), failed(WEIGHTS));
    // a token count that the mask does not have
    let c = a_case();
    assert_eq!(
        lie(&c, |columns, parts| {
            let tokens = &mut columns[parts.tokens.index()];
            let old = tokens.get(0);
            tokens.set(0, old + 1);
        }),
        failed(WEIGHTS)
    );
    // and one that the attested table does not have
    let mut c = a_case();
    let honest = c.commit(c.columns()).statement;
    c.values.requests[0].tokens ^= 1;
    let (own, proof) = c.prove(c.columns());
    let swapped = Statement { requests: honest.requests, ..own };
    assert_eq!(c.key.verify(&srs().1, &swapped, &proof), failed(Check::Statement("C_req")));
    // a slot that continues a request is moved to another
    let mut c = a_case();
    let moved = (0..8).find(|i| c.values.requests[*i].head as usize != i % 4).unwrap();
    assert_eq!(
        lie(&c, |columns, parts| {
            let (q, at) = (4usize, moved % 4);
            let cell = |h: usize| at + q * (h + q * (moved / 4));
            let belongs = &mut columns[parts.belongs.index()];
            belongs.set(cell(c.values.requests[moved].head as usize), 0);
            belongs.set(cell(at), 1);
        }),
        failed(WEIGHTS)
    );
    // a request's influence moved to another cluster, in the scores, or in what they are summed from
    let (at, _) = credited(&c);
    let other = at ^ 1;
    c.values.scores.swap(at, other);
    c.values.weigh(&c.key);
    c.values.pay(&c.key);
    assert_eq!(c.check(c.columns()), failed(WEIGHTS));
    let mut c = a_case();
    for q in 0..4 {
        let k = 1 << c.key.shape.clusters;
        c.values.partial.swap(q * k, q * k + 1);
        c.values.scores.swap(q * k, q * k + 1);
    }
    c.values.weigh(&c.key);
    c.values.pay(&c.key);
    assert_eq!(c.check(c.columns()), failed(PRODUCTS));
}

/// Sets a number's limbs at a cell.
fn put(columns: &mut [Ints], limbs: &talea_circuits::lookup::range::Limbs, at: usize, value: u128) {
    for (id, column) in limbs.columns.iter().zip(limbs.split(&[value])) {
        columns[id.index()].set(at, column.get(0));
    }
}

#[test]
fn weights_follow_from_scores() {
    let c = a_case();
    let (best, row) = credited(&c);
    let k = 1usize << c.key.shape.clusters;
    // negative influence credited
    let negative = c.values.scores.iter().position(|s| *s < 0).unwrap();
    let size = c.values.scores[negative].unsigned_abs();
    let said = lie(&c, |columns, parts| {
        columns[parts.positive.index()].set(negative, 1);
        put(columns, &parts.size, negative, size);
    });
    assert_eq!(said, failed(WEIGHTS));
    // zero as a negative number: −1 has no size
    let zero = c.values.scores.iter().position(|s| *s == 0).expect("a cluster beyond an adapter's own scores zero");
    for size in [0, u128::MAX] {
        let said = lie(&c, |columns, parts| {
            columns[parts.positive.index()].set(zero, 0);
            put(columns, &parts.size, zero, size);
        });
        assert_eq!(said, failed(WEIGHTS));
    }
    // κ one too small or too large, with all that follows
    for wrong in [-1, 1] {
        let mut c = a_case();
        c.values.kappa[row] = c.values.kappa[row].wrapping_add_signed(wrong);
        let kappa = c.values.kappa[row];
        for i in row * k..(row + 1) * k {
            c.values.ranks[i] = ((c.values.scores[i].max(0) << 20) >> kappa) as u32;
            let power = u32::from(c.values.slots[row / 4].policy.power);
            c.values.weights[i] = u128::from(c.values.ranks[i]).pow(power);
        }
        c.values.pay(&c.key);
        assert_eq!(c.check(c.columns()), failed(WEIGHTS), "κ {wrong:+}");
    }
    // a score is positive, and all are said to be none; none is, and one is said to be
    let mut c = a_case();
    (row * k..(row + 1) * k).for_each(|i| (c.values.ranks[i], c.values.weights[i]) = (0, 0));
    c.values.pay(&c.key);
    assert_eq!(c.check(c.columns()), failed(WEIGHTS));
    let nothing = (0..8).find(|row| c.values.scores[row * k..(row + 1) * k].iter().all(|s| *s <= 0)).unwrap();
    let c = a_case();
    let said = lie(&c, |columns, parts| columns[parts.none.index()].set(nothing, 0));
    assert_eq!(said, failed(WEIGHTS));
    // a rank or a weight that is another
    for change in [|v: &mut Values, at: usize| v.ranks[at] ^= 1, |v: &mut Values, at: usize| v.weights[at] += 1] {
        let mut c = a_case();
        change(&mut c.values, best);
        c.values.pay(&c.key);
        assert_eq!(c.check(c.columns()), failed(WEIGHTS));
    }
}

#[test]
fn amounts_follow_from_weights() {
    let (best, row) = credited(&a_case());
    let k = 1usize << a_case().key.shape.clusters;
    let (cluster, a) = (best % k, row / 4);
    type Lie = Box<dyn Fn(&mut Values)>;
    let lies: Vec<(&str, Lie)> = vec![
        ("a pool one more", Box::new(move |v| v.pools[row] += 1)),
        ("a pool one less", Box::new(move |v| v.pools[row] -= 1)),
        ("a quotient one more", Box::new(move |v| v.quotients[row] += 1)),
        ("a quotient one less", Box::new(move |v| v.quotients[row] -= 1)),
        ("a quotient of another size", Box::new(move |v| v.quotients[row] ^= 1 << 127)),
        ("an amount one more", Box::new(move |v| v.amounts[a * k + cluster] += 1)),
        ("an amount one less", Box::new(move |v| v.amounts[a * k + cluster] -= 1)),
        ("an amount moved", Box::new(move |v| v.amounts.swap(a * k + cluster, a * k + (cluster ^ 1)))),
        ("a role one less", Box::new(move |v| v.roles[4 * a] = v.roles[4 * a].wrapping_sub(1))),
        ("a role one more", Box::new(move |v| v.roles[4 * a + 3] += 1)),
    ];
    for (name, change) in lies {
        let mut c = a_case();
        change(&mut c.values);
        // dust takes the difference, so that everything is paid out
        let fees: u128 = c.values.requests[a * 4..][..4].iter().map(|r| r.fee).sum();
        let paid: u128 = c.values.amounts[a * k..][..k]
            .iter()
            .chain(&c.values.roles[a * 4..][..4])
            .fold(0, |s, x| s.wrapping_add(*x));
        c.values.dust[a] = fees.wrapping_sub(paid);
        assert_eq!(c.check(c.columns()), failed(WEIGHTS), "{name}");
    }
    // an amount for a cluster that the adapter does not have
    let mut c = a_case();
    let beyond = 1usize << c.key.shape.adapters[1].clusters;
    assert!(beyond < k);
    c.values.amounts[k + beyond] += 1;
    c.values.dust[1] = c.values.dust[1].wrapping_sub(1);
    assert_eq!(c.check(c.columns()), failed(WEIGHTS));
    // dust that does not make up for it; dust below zero
    let mut c = a_case();
    assert_eq!(lie_in_values(&mut c, |v| v.dust[a] += 1), failed(Check::Relation("conservation")));
    let mut c = a_case();
    assert_eq!(
        lie_in_values(&mut c, |v| v.dust[a] = v.dust[a].wrapping_sub(1 << 100)),
        failed(Check::Relation("conservation"))
    );
    // more is paid out than came in: fees of the statement are another's
    let mut c = a_case();
    c.values.requests[row].fee += 1;
    let said = c.check(c.columns());
    assert_eq!(said, failed(WEIGHTS), "a fee whose pool is not its share");
    let c = a_case();
    let (mut statement, _) = c.prove(c.columns());
    statement.slots[a].fees += Fr::from(1u64);
    let mut committed = c.commit(c.columns());
    committed.statement = statement.clone();
    let proof = committed.prove(&Cpu, &srs().0, &mut |_| {});
    assert_eq!(c.key.verify(&srs().1, &statement, &proof), failed(WEIGHTS), "roles are shares of F");
}

/// C_pay commits to other amounts, other slots, or hides one behind its blinder.
#[test]
fn the_payout_vector_holds_the_amounts() {
    let c = a_case();
    let (powers, pairing) = srs();
    let check = |change: &dyn Fn(&mut Vec<Fr>)| {
        let mut committed = c.commit(c.columns());
        committed.set_payouts(&Cpu, powers, change);
        let proof = committed.prove(&Cpu, powers, &mut |_| {});
        c.key.verify(pairing, &committed.statement, &proof)
    };
    assert_eq!(check(&|_| {}), Ok(()));
    assert_eq!(check(&|p| p[0] += Fr::from(1u64)), failed(Check::Pairing), "one unit to every slot");
    assert_eq!(check(&|p| p.rotate_right(1)), failed(Check::Pairing));
    // X^N − 1 again, beyond the blinder that the proof names
    let n = 1usize << c.key.shape.domain;
    let hidden = |p: &mut Vec<Fr>| {
        p[0] -= Fr::from(5u64);
        p[n] += Fr::from(5u64);
    };
    assert_eq!(check(&hidden), failed(Check::Pairing));
    // a higher multiple of it
    let higher = |p: &mut Vec<Fr>| {
        p.resize(n + 3, Fr::from(0u64));
        p[2] -= Fr::from(5u64);
        p[n + 2] += Fr::from(5u64);
    };
    assert_eq!(check(&higher), failed(Check::Pairing));
    // slots that the statement does not say
    for node in [false, true] {
        let mut c = a_case();
        let (honest, _) = c.prove(c.columns());
        match node {
            true => c.context.node_slot ^= 1,
            false => c.values.slots[0].base ^= 32,
        }
        let (own, proof) = c.prove(c.columns());
        assert_eq!(c.key.verify(pairing, &own, &proof), Ok(()));
        let mut mixed = own.clone();
        match node {
            true => mixed.node_slot = honest.node_slot,
            false => mixed.slots = honest.slots,
        }
        assert_eq!(c.key.verify(pairing, &mixed, &proof), failed(Check::Statement("payout slot")), "node {node}");
    }
    // a base that is not aligned to its adapter's range cannot be said at all
    let mut c = a_case();
    c.values.slots[0].base = 8;
    assert_eq!(c.check(c.columns()), failed(Check::Statement("payout slot")));
}

/// Every number that a lookup bounds: its largest value is in the table, one more is not, and no proof hides it.
#[test]
fn every_range_has_its_edge() {
    let c = a_case();
    let parts = &c.key.parts;
    let triples = [&parts.pool, &parts.quotient, &parts.amount, &parts.role].into_iter().flatten();
    let single = [&parts.fee, &parts.border, &parts.size, &parts.rank, &parts.rest, &parts.gap, &parts.dust];
    let all: Vec<_> = parts.cubes.iter().flat_map(|cube| [&cube.u, &cube.rem]).chain(single).chain(triples).collect();
    let bits: BTreeSet<usize> = all.iter().map(|limbs| limbs.bits()).collect();
    assert_eq!(bits, [2, 14, 16, 19, 28, 80, 92, 96, 112, 128].into(), "the bounds of docs/protocol/relations.md");
    for limbs in all {
        let (width, columns) = (parts.range, c.columns());
        let top = limbs.columns.last().unwrap().index();
        let edge = 1i128 << (limbs.bits() - width * (limbs.columns.len() - 1));
        for (value, fits) in [(edge - 1, true), (edge, false), (-1, false)] {
            let mut columns = columns.clone();
            columns[top] = wide(&columns[top]);
            columns[top].set(0, value);
            assert_eq!(recount(&c.key, &columns).is_ok(), fits, "{value} in the last limb of {} bits", limbs.bits());
            if !fits {
                assert_eq!(c.check(columns), failed(Check::LookupRoot), "{value}, {} bits", limbs.bits());
            }
        }
    }
}

/// Values at the edges of docs/semantics.md §9: the largest X, rows of A, weights of H and fees are proven like any other.
#[test]
fn honest_batches_at_the_bounds_are_accepted() {
    for (power, sign) in [(1, 1), (4, 1), (2, -1)] {
        let c = extreme(power, sign);
        let v = &c.values;
        let most = |all: &[Vec<i32>]| all.iter().flatten().map(|u| u.unsigned_abs()).max().unwrap();
        assert_eq!(most(&v.x), (1 << 19) - 1);
        assert!(most(&v.u) > (1 << 27) - (1 << 10), "U at its edge: {}", most(&v.u));
        assert_eq!(v.requests.iter().map(|r| r.fee).max(), Some((1 << 92) - 1));
        let (scores, quotients) = (v.scores.iter().max().unwrap(), v.quotients.iter().max().unwrap());
        assert!(sign < 0 || (*scores > 0 && quotients >> 100 > 0), "{scores} {quotients}");
        assert_eq!(c.check(c.columns()), Ok(()), "p = {power}, sign {sign}");
    }
}

/// Stopped after any stage, a proof goes on to the same bytes; from anything else it does not go on.
#[test]
fn a_proof_goes_on_from_every_stage() {
    let c = a_case();
    let committed = c.commit(c.columns());
    let mut saved: Vec<Vec<u8>> = Vec::new();
    let powers = &srs().0;
    let whole = committed.resume(&Cpu, powers, &[], &mut |_| {}, &mut |bytes| saved.push(bytes.to_vec())).unwrap();
    assert_eq!(saved.len(), 4, "lookups, payout vector, equations, products");
    for (i, bytes) in saved.iter().enumerate() {
        let mut stages = Vec::new();
        let again = committed.resume(&Cpu, powers, bytes, &mut |stage| stages.push(stage), &mut |_| {}).unwrap();
        assert!(again == whole, "from stage {i}");
        let all = ["lookups", "payout vector", "weights and payouts", "matrix products", "opening"];
        assert_eq!(stages, all[i + 1..], "nothing is done twice");
    }
    // as nobody leaves it: after words of which a stage's sums are made, it goes on all the same, and in the midst of its rounds it does not
    let cuts = (saved[2].len()..saved[3].len()).step_by(32).map(|end| &saved[3][..end]);
    let on: Vec<bool> = cuts
        .map(|bytes| match committed.resume(&Cpu, powers, bytes, &mut |_| {}, &mut |_| {}) {
            Ok(again) => again == whole,
            Err(_) => false,
        })
        .collect();
    let words = on.iter().take_while(|on| **on).count();
    assert!(words > 3 && words < on.len() && !on[words..].contains(&true), "{on:?}");
    let mut torn = saved[0].clone();
    torn.pop();
    assert!(committed.resume(&Cpu, powers, &torn, &mut |_| {}, &mut |_| {}).is_err());
}
