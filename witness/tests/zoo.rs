//! Every PEFT and Llama feature that the loader claims, against activations and deltas that transformers and peft computed.

use std::path::PathBuf;

use talea_witness::{
    adapter::{Lora, quantise::quantise, report::compare},
    model::{Base, llama::Llama},
    trace::{
        capture,
        quantise::{least_exponent, max_abs},
    },
};

const ZOO: &[&str] = &[
    "mha-tied",
    "gqa-untied-all-modules",
    "all-linear",
    "mqa-theta",
    "llama3-rope-parameters",
    "llama3-rope-scaling",
    "linear-rope-scaling",
    "bf16-base-f16-adapter",
    "f16-base-bf16-adapter",
    "sharded",
    "patterns-rslora",
    "patterns",
    "regex-targets",
    "some-layers",
    "lm-head",
    "biases-head-dim",
];

fn dir(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/zoo").join(name)
}

fn open(name: &str) -> (Base, Lora, capture::Captured) {
    let base = Base::open(&dir(name).join("base")).unwrap();
    let lora = Lora::open(&dir(name).join("adapter"), &base).unwrap();
    let golden = capture::load(&dir(name).join("golden.safetensors"), &base, &lora.modules).unwrap();
    (base, lora, golden)
}

/// Largest difference, relative to the largest value where that exceeds 1.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0f32, f32::max) / max_abs(b).max(1.0)
}

#[test]
fn the_zoo_is_all_tested() {
    let found = std::fs::read_dir(dir("")).unwrap().count();
    assert_eq!(found, ZOO.len());
}

#[test]
fn our_forward_pass_is_transformers() {
    for name in ZOO {
        let (base, lora, golden) = open(name);
        let ours = Llama::load(&base, &lora.modules).unwrap().trace(&golden.trace.tokens).unwrap();
        assert_eq!(golden.deltas.len(), lora.modules.len(), "{name}: peft adapted as many modules as we found");
        for ((tensor, a), (other, b)) in ours.inputs.iter().zip(&golden.trace.inputs) {
            assert_eq!(tensor, other);
            assert!(difference(a, b) <= 1e-4, "{name} {tensor:?}: {}", difference(a, b));
        }
        let d = difference(ours.last_logits.as_ref().unwrap(), golden.trace.last_logits.as_ref().unwrap());
        assert!(d <= 1e-4, "{name} logits: {d}");
    }
}

#[test]
fn integer_deltas_are_pefts_within_a_thousandth() {
    for name in ZOO {
        let (base, lora, golden) = open(name);
        let inputs = golden.trace.inputs.iter().map(|(t, rows)| (t.clone(), least_exponent(max_abs(rows)))).collect();
        let adapter = quantise(name, base.digest, &lora, inputs);
        adapter.check(name).unwrap();
        for m in compare(&base, &lora, &adapter, &[dir(name).join("golden.safetensors")]).unwrap() {
            assert!(m.rows > 0 && m.largest_delta > 0.0, "{name} {}", m.path);
            assert!(m.of_trace <= 1e-3, "{name} {}: {}", m.path, m.of_trace);
        }
    }
}

#[test]
fn a_saved_trace_reads_back_the_same() {
    let (base, lora, golden) = open("gqa-untied-all-modules");
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("t.safetensors");
    capture::save(&path, &golden.trace, &lora.modules).unwrap();
    assert_eq!(capture::load(&path, &base, &lora.modules).unwrap().trace, golden.trace);
}

/// The scale must come from each module's own rank and α, and with rsLoRA from the root of the rank.
#[test]
fn patterns_choose_rank_and_scale() {
    let (_, lora, _) = open("patterns-rslora");
    let of = |path: &str| lora.modules.iter().find(|m| m.path == path).map(|m| (m.rank, m.scale)).unwrap();
    assert_eq!(of("model.layers.1.self_attn.q_proj"), (2, 8.0 / 2f64.sqrt()));
    assert_eq!(of("model.layers.0.self_attn.q_proj"), (4, 4.0));
    assert_eq!(of("model.layers.0.self_attn.v_proj"), (6, 8.0 / 6f64.sqrt()));
    assert_eq!(of("model.layers.0.mlp.up_proj"), (4, 10.0));
}

#[test]
fn coordinates_are_ordered_by_layer_then_path() {
    let (_, lora, _) = open("gqa-untied-all-modules");
    let paths: Vec<_> = lora.modules.iter().map(|m| m.path.as_str()).collect();
    let first = [
        "mlp.down_proj",
        "mlp.gate_proj",
        "mlp.up_proj",
        "self_attn.k_proj",
        "self_attn.o_proj",
        "self_attn.q_proj",
        "self_attn.v_proj",
    ];
    let want: Vec<String> = (0..2).flat_map(|l| first.map(|f| format!("model.layers.{l}.{f}"))).collect();
    assert_eq!(paths, want);
}
