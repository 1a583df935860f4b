//! Matrix products: rows, outputs and scores, each at a random point (docs/protocol/relations.md §3, §4, §6).

use ark_bn254::Fr;

use super::{
    Key,
    ends::{folded_u, terms},
    flow::{Partial, halves, split},
    parts::U_SHIFT,
    party::{Last, Party, Slices, Stage, Word},
    shape::log,
};
use crate::{
    arithmetic::Arithmetic,
    columns::Term,
    error::{Check, Result},
};

/// 2^16·U + rem − 2^15 = X·Aᵀ, D = U·Bᵀ, and the scores' Σ_f V·H, each at a random point, in lockstep.
pub(super) fn products<A: Arithmetic, P: Party<A>>(key: &Key, partial: Partial<A::Scalar>, p: &mut P) -> Result<()> {
    let shape = &key.shape;
    let (rows, rho, places) = (shape.tokens + shape.requests, shape.rank(), log(shape.places().len()));
    let product = [p.challenges(rho), p.challenges(rows), p.challenges(places)];
    let outputs = shape.outputs();
    let widest = outputs.iter().map(|o| o.vars).max();
    let deltas = widest.map(|widest| [p.challenges(widest), p.challenges(rows), p.challenges(log(outputs.len()))]);
    let last = Last { product, deltas, scores: partial.at };
    let mut sums = matrix_sums(key, &last, p)?;
    let count = sums.len();
    if let Some([j, at, block]) = &last.deltas {
        sums.push((rho + places, outputs_at(key, [j, at, block], p)?));
    }
    sums.push((rho + places, partial.value));
    let step = p.lockstep("product round", 2, Stage::Last(&last), &sums)?;
    let mut ends = Vec::new();
    for (width, _) in key.widths().into_iter().zip(0..count) {
        ends.push(end_of_product(key, &last, width, step.low(width + log(key.blocks_of(width).len())), p)?);
    }
    let (end_rho, end_place) = split(step.low(rho + places), rho);
    if let Some(deltas) = &last.deltas {
        ends.push(end_of_deltas(key, deltas, end_rho, end_place, p)?);
    }
    ends.push(end_of_scores(key, &last.scores, end_rho, end_place, p)?);
    step.compare(p.arithmetic(), Check::Relation("matrix products"), &ends)
}

/// The sums of the matrix product, one per width of X's blocks, which together are its left side.
fn matrix_sums<A: Arithmetic, P: Party<A>>(
    key: &Key, last: &Last<A::Scalar>, p: &mut P,
) -> Result<Vec<(usize, A::Scalar)>> {
    let [rho, at, places] = &last.product;
    let a = p.arithmetic();
    let weights: Vec<_> = (0..key.shape.places().len()).map(|i| a.eq_index(places, i)).collect();
    let point: Vec<_> = rho.iter().chain(at).cloned().collect();
    let u = folded_u(key, &weights, point.clone(), p)?;
    let rem = p.slices("rem", point, terms(p.arithmetic(), &weights, |place| key.parts.rem_at(place)))?;
    let mut sums = Vec::new();
    for (i, width) in key.widths().into_iter().enumerate() {
        let value = p.word("product value", Word::Product(i, &last.product))?;
        sums.push((width + log(key.blocks_of(width).len()), value));
    }
    let a = p.arithmetic();
    let half = a.scale(Fr::from(1u64 << (U_SHIFT - 1)), &a.sum(&weights));
    let left = a.sub(&a.add(&a.scale(Fr::from(1u64 << U_SHIFT), &u), &rem), &half);
    let right = a.sum(sums.iter().map(|s| &s.1));
    a.assert_eq(Check::Relation("rounded product"), &left, &right)?;
    Ok(sums)
}

/// X and A, both folded, where the sum over (i, block) of one width ends.
fn end_of_product<A: Arithmetic, P: Party<A>>(
    key: &Key, last: &Last<A::Scalar>, width: usize, end: &[A::Scalar], p: &mut P,
) -> Result<A::Scalar> {
    let ([rho, at, places], (i, block)) = (&last.product, split(end, width));
    let a = p.arithmetic();
    let (mut x, mut weights) = (Vec::new(), Slices::new());
    let all = key.shape.places();
    for (number, column) in key.blocks_of(width).into_iter().enumerate() {
        let selector = a.eq_index(block, number);
        let Some((input, id)) = key.shape.inputs().get(column).copied().zip(key.parts.x.get(column)) else { continue };
        x.push(Term { column: *id, slice: None, weight: selector.clone() });
        for (place, m) in all.iter().enumerate().filter(|(_, m)| m.slot == input.slot) {
            let reads = key.shape.module(*m).is_some_and(|module| module.input == input.input);
            if let Some(id) = key.weights_of(*m, input.begin).filter(|_| reads) {
                let (low, beyond) = key.within_rank(a, m.slot, rho);
                let weight = a.mul(&a.mul(&selector, &a.eq_index(places, place)), &beyond);
                let point = || i.iter().chain(low).cloned().collect();
                weights.add(&[low.len()], point, Term { column: id, slice: None, weight });
            }
        }
    }
    let point = i.iter().chain(at).cloned().collect();
    let x = p.slices("x", point, x)?;
    let weights = p.grouped("a", weights)?;
    Ok(p.arithmetic().mul(&x, &weights))
}

/// D, folded.
fn outputs_at<A: Arithmetic, P: Party<A>>(
    key: &Key, [j, at, block]: [&Vec<A::Scalar>; 3], p: &mut P,
) -> Result<A::Scalar> {
    let a = p.arithmetic();
    let mut all = Slices::new();
    for (number, (output, id)) in key.shape.outputs().iter().zip(&key.parts.d).enumerate() {
        let term = Term { column: *id, slice: None, weight: a.eq_index(block, number) };
        all.add(&[output.vars], || split(j, output.vars).0.iter().chain(at).cloned().collect(), term);
    }
    p.grouped("d", all)
}

fn end_of_deltas<A: Arithmetic, P: Party<A>>(
    key: &Key, [j, at, block]: &[Vec<A::Scalar>; 3], rho: &[A::Scalar], place: &[A::Scalar], p: &mut P,
) -> Result<A::Scalar> {
    let a = p.arithmetic();
    let places = key.shape.places();
    let selectors: Vec<_> = (0..places.len()).map(|i| a.eq_index(place, i)).collect();
    let mut all = Slices::new();
    for (number, output) in key.shape.outputs().iter().enumerate() {
        let at = places.get(output.place).zip(selectors.get(output.place));
        let Some((m, selector)) = at else { continue };
        let id = key.parts.adapters.get(m.slot).and_then(|l| l.b.get(m.module)?.get(output.block));
        let Some(id) = id else { continue };
        let (low, beyond) = key.within_rank(a, m.slot, rho);
        let weight = a.mul(&a.mul(selector, &a.eq_index(block, number)), &beyond);
        let point = || split(j, output.vars).0.iter().chain(low).cloned().collect();
        all.add(&[output.vars, low.len()], point, Term { column: *id, slice: None, weight });
    }
    let b = p.grouped("b", all)?;
    let point = rho.iter().chain(at).cloned().collect();
    let u = folded_u(key, &selectors, point, p)?;
    Ok(p.arithmetic().mul(&u, &b))
}

fn end_of_scores<A: Arithmetic, P: Party<A>>(
    key: &Key, [k, row]: &[Vec<A::Scalar>; 2], rho: &[A::Scalar], place: &[A::Scalar], p: &mut P,
) -> Result<A::Scalar> {
    let (shape, (q, slot)) = (&key.shape, split(row, key.shape.requests));
    let a = p.arithmetic();
    let selectors: Vec<_> = (0..shape.places().len()).map(|i| a.eq_index(place, i)).collect();
    let mut all = Slices::new();
    for (m, selector) in shape.places().iter().zip(&selectors) {
        let Some((adapter, layout)) = shape.adapters.get(m.slot).zip(key.parts.adapters.get(m.slot)) else { continue };
        let Some(id) = layout.h.get(m.module) else { continue };
        let (low, beyond) = key.within_rank(a, m.slot, rho);
        let (clusters, above) = split(k, adapter.clusters);
        let no_more = above.iter().fold(beyond, |product, x| a.mul(&product, &a.complement(x)));
        let weight = a.mul(&a.mul(selector, &a.eq_index(slot, m.slot)), &no_more);
        let point = || low.iter().chain(clusters).cloned().collect();
        all.add(&[low.len(), clusters.len()], point, Term { column: *id, slice: None, weight });
    }
    let h = p.grouped("h", all)?;
    // V = Σ_t U is 2^t times U in the middle of the tokens
    let middle = halves(p.arithmetic(), shape.tokens);
    let point = rho.iter().cloned().chain(middle).chain(q.iter().cloned()).collect();
    let u = folded_u(key, &selectors, point, p)?;
    let a = p.arithmetic();
    Ok(a.mul(&a.scale(Fr::from(1u64 << shape.tokens), &u), &h))
}
