//! Every row of the bounds table: its maximum derived again, and the code driven to it.

use talea_witness::{
    adapter::{
        LoraModule,
        quantise::{IntModule, delta, low_rank, quantise_module, round_shift},
    },
    batch::payout::{Credit, pay},
    bounds::*,
    influence::{scores, weigh},
    network::{Policy, Roles},
    trace::Site,
};

fn bits(name: &str) -> u32 {
    BOUNDS.iter().find(|b| b.name == name).unwrap_or_else(|| panic!("no row {name}")).bits
}

fn bit_length(x: u128) -> u32 {
    128 - x.leading_zeros()
}

fn module(rank: usize, d_in: usize, d_out: usize, a: f32, b: f32) -> IntModule {
    let m = LoraModule {
        layer: 0,
        path: "m".into(),
        site: Site::Mlp,
        rank,
        d_in,
        d_out,
        scale: 1.0,
        a: vec![a; rank * d_in],
        b: vec![b; d_out * rank],
    };
    quantise_module(&m, 0)
}

#[test]
fn the_table_has_a_test_for_every_row() {
    let tested = [
        "X",
        "A_int, B_int, H",
        "Uacc",
        "U",
        "rem",
        "D",
        "V",
        "S",
        "R",
        "w",
        "W",
        "f, pool",
        "pool·2^s_p",
        "c",
        "c·w summed",
        "P, F, role, dust",
    ];
    assert_eq!(BOUNDS.iter().map(|b| b.name).collect::<Vec<_>>(), tested);
    for b in BOUNDS {
        assert!(b.checked.is_none_or(|c| c >= b.bits), "{}", b.name);
    }
}

#[test]
fn the_written_table_is_this_table() {
    let doc = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/semantics.md")).unwrap();
    for b in BOUNDS {
        let checked = b.checked.map_or("–".into(), |c| c.to_string());
        let line =
            format!("| {} | {}{} | {checked} | {} |", b.name, b.bits, if b.signed { "+sign" } else { "" }, b.why);
        assert!(doc.contains(&line), "docs/semantics.md lacks\n{line}");
    }
}

/// |A_int| and its row norm: one large weight meets 2^15−1 exactly; many equal ones meet 2^24.
#[test]
fn weights_meet_their_bounds() {
    let one = module(1, 8, 8, 3.5, -2.0);
    assert!(one.a.iter().all(|a| *a == 32767) && one.b.iter().all(|b| *b == -32767));
    assert_eq!(bits("A_int, B_int, H"), 15);
    for d_in in [513, 4096, 65_536, 1 << 20] {
        let m = module(1, d_in, 1, -0.37, 1.0);
        let norm: u64 = m.a.iter().map(|a| u64::from(a.unsigned_abs())).sum();
        assert!(norm <= 1 << ROW_NORM_BITS, "{d_in}: {norm}");
        assert!(d_in > 1 << 19 || norm > (1 << ROW_NORM_BITS) - 2 * d_in as u64, "{d_in}: {norm} wastes range");
    }
}

/// X at ±(2^19−1) on a row of norm 2^24: Uacc, U, rem and D reach, and stay within, their rows.
#[test]
fn the_low_rank_path_meets_its_bounds() {
    let largest = i64::from(X_MAX) << ROW_NORM_BITS;
    assert_eq!(bit_length(largest as u128), bits("Uacc"));
    for acc in [largest, -largest] {
        let u = round_shift(acc);
        assert_eq!(i64::from(u), (acc + (1 << 15)).div_euclid(1 << 16));
        assert!(bit_length(u128::from(u.unsigned_abs())) <= bits("U"));
        let rem = (acc + (1 << 15)).rem_euclid(1 << 16);
        assert!((0..1 << bits("rem")).contains(&rem));
    }
    for (acc, u) in [(32767, 0), (32768, 1), (-32768, 0), (-32769, -1), (-1, 0)] {
        assert_eq!(round_shift(acc), u, "{acc}");
    }
    let m = module(256, 512, 1, 1.0, 1.0);
    let u = low_rank(&m, &vec![X_MAX; 512]);
    let exact = i64::from(X_MAX) * 512 * 32767;
    assert!(u.iter().all(|u| i64::from(*u) == (exact + (1 << 15)) >> 16));
    let top = (1i64 << bits("U")) - 1;
    let d = delta(&m, &vec![top as i32; 256]);
    assert_eq!(d, [256 * top * 32767]);
    assert_eq!(bit_length(d[0] as u128), bits("D"));
}

#[test]
fn sums_over_tokens_and_coordinates_meet_their_bounds() {
    let v = ((1u128 << bits("U")) - 1) << TOKEN_BITS;
    assert_eq!(bit_length(v), bits("V"));
    let (row, h) = (vec![v as i64; 1 << COORDINATE_BITS], vec![-(WEIGHT_MAX as i16); 1 << COORDINATE_BITS]);
    let s = scores(&row, &h)[0];
    assert_eq!(s, -((v * WEIGHT_MAX as u128) << COORDINATE_BITS).cast_signed());
    assert_eq!(bit_length(s.unsigned_abs()), bits("S"));
    assert!(bits("S") + 1 < S_CHECK_BITS);
}

/// R, w and W at their edges for every power: the smallest and the largest W that a request with credit can have.
#[test]
fn weights_of_a_request_meet_their_bounds() {
    for power in [1u8, 2, 4] {
        let top = weigh(vec![(1 << 75) - 1; 1 << CLUSTER_BITS], power);
        assert!(top.ranks.iter().all(|r| *r == (1 << R_BITS) - 1));
        assert!(bit_length(top.weights[0]) <= bits("w") && bit_length(top.total) <= bits("W"));
        let least = weigh(vec![1 << 74, -1], power);
        assert_eq!(least.total, 1u128 << (19 * u32::from(power)));
    }
    assert_eq!(bit_length(((1u128 << R_BITS) - 1).pow(MAX_POWER)), bits("w"));
}

fn whole_to_contributors(power: u8) -> Policy {
    let roles = Roles { adapter_owner: (0, [0; 20]), base_owner: (0, [0; 20]), node_bps: 0, treasury: (0, [0; 20]) };
    Policy { power, contributors_bps: 10_000, roles, sink: [1; 20] }
}

/// 2^10 requests of the largest fee: c for the least W at p = 1, and P, F at 102 bits.
#[test]
fn payouts_meet_their_bounds() {
    let fee = (1u128 << FEE_BITS) - 1;
    assert_eq!(bit_length(fee), bits("f, pool"));
    assert_eq!(bits("pool·2^s_p"), FEE_BITS + quotient_shift(MAX_POWER as u8));
    assert_eq!(bits("c·w summed"), bits("pool·2^s_p") + REQUEST_BITS);
    for power in [1u8, 2, 4] {
        let i = weigh(vec![1 << 74], power);
        let credits: Vec<Credit<'_>> =
            (0..1 << REQUEST_BITS).map(|_| Credit { fee, weights: &i.weights, total: i.total }).collect();
        let p = pay(&whole_to_contributors(power), &credits, 1);
        assert!(bit_length(p.quotients[0]) <= bits("c"));
        assert_eq!(bit_length(p.quotients[0]) == bits("c"), power == 1);
        // W is a power of two here, so nothing is lost to rounding and P is the whole of the fees
        assert_eq!((p.clusters[0], p.fees, p.dust), (fee << REQUEST_BITS, fee << REQUEST_BITS, 0));
        assert_eq!(bit_length(p.fees), bits("P, F, role, dust"));
    }
    assert!(bits("c") <= C_CHECK_BITS && bits("P, F, role, dust") <= P_CHECK_BITS);
}

#[test]
fn x_is_bounded_by_its_row() {
    assert_eq!(bit_length(X_MAX as u128), bits("X"));
    assert_eq!(bits("R"), R_BITS);
}
