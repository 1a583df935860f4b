//! Does a laid witness satisfy its circuit? A second reading of halo2-base's own lists, in a second where MockProver takes many.
//!
//! What it reads is what the library turns into columns: gates q·(a + b·c − d), copies, constants and range checks. For tests, which hold
//! it against MockProver.

use std::collections::HashMap;

use halo2_base::{
    ContextCell,
    gates::circuit::builder::BaseCircuitBuilder,
    halo2_proofs::{halo2curves::bn256::Fr, plonk::Assigned},
    utils::fe_to_biguint,
};

/// Counts what does not hold: gates, copies, constants, range checks. The builder must not be one for proofs, which keeps no lists.
pub fn broken(builder: &mut BaseCircuitBuilder<Fr>) -> [usize; 4] {
    let range = builder.range_chip();
    let bits = builder.lookup_bits().unwrap_or(0) as u64;
    let pool = builder.pool(0);
    let value = |x: &Assigned<Fr>| x.evaluate();
    let mut columns = HashMap::new();
    let mut gates = 0;
    for ctx in &pool.threads {
        let values: Vec<Fr> = ctx.advice.iter().map(value).collect();
        let run = |at: usize| Some([values.get(at)?, values.get(at + 1)?, values.get(at + 2)?, values.get(at + 3)?]);
        let on = ctx.selector.iter().enumerate().filter(|(_, on)| **on);
        gates += on.filter(|(at, _)| run(*at).is_none_or(|[a, b, c, d]| *a + *b * c != *d)).count();
        columns.insert(ctx.id(), values);
    }
    let at = |cell: &ContextCell| columns.get(&cell.context_id).and_then(|v| v.get(cell.offset)).copied();
    let Ok(copies) = pool.copy_manager.lock() else { return [usize::MAX; 4] };
    let equal = copies.advice_equalities.iter().filter(|(a, b)| at(a) != at(b) || at(a).is_none()).count();
    let constants = copies.constant_equalities.iter().filter(|(c, cell)| at(cell) != Some(*c)).count();
    let mut ranges = 0;
    for manager in range.lookup_manager() {
        let Ok(lookups) = manager.cells_to_lookup.lock() else { return [usize::MAX; 4] };
        let cells = lookups.values().flatten().flatten().filter_map(|a| at(&a.cell?));
        ranges += cells.filter(|x| fe_to_biguint(x).bits() > bits).count();
    }
    [gates, equal, constants, ranges]
}
