//! Hostile or broken model and adapter folders: each is refused in one line that names file, field, found, expected.

use std::path::{Path, PathBuf};

use talea_witness::{adapter::Lora, model::Base, trace::capture};

/// A copy of a zoo folder that may be broken.
struct Broken(tempfile::TempDir);

impl Broken {
    fn new(name: &str) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/zoo").join(name);
        for part in ["base", "adapter"] {
            std::fs::create_dir(tmp.path().join(part)).unwrap();
            for e in std::fs::read_dir(from.join(part)).unwrap() {
                let path = e.unwrap().path();
                std::fs::copy(&path, tmp.path().join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
        std::fs::copy(from.join("golden.safetensors"), tmp.path().join("golden.safetensors")).unwrap();
        Self(tmp)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn edit(self, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        let file = self.path(name);
        std::fs::write(&file, change(std::fs::read(&file).unwrap())).unwrap();
        self
    }

    fn replace(self, name: &str, from: &str, to: &str) -> Self {
        self.edit(name, |b| {
            let text = String::from_utf8(b).unwrap();
            assert!(text.contains(from), "{name} lacks {from}");
            text.replacen(from, to, 1).into_bytes()
        })
    }

    /// Opens base, adapter and golden trace; the first refusal, in one line.
    fn refusal(&self) -> String {
        let open = || {
            let base = Base::open(&self.path("base"))?;
            let lora = Lora::open(&self.path("adapter"), &base)?;
            talea_witness::model::llama::Llama::load(&base, &lora.modules)?;
            capture::load(&self.path("golden.safetensors"), &base, &lora.modules).map(drop)
        };
        let text: String =
            open().map(|()| "accepted".to_string()).unwrap_or_else(|e: talea_witness::Error| e.to_string());
        assert!(!text.contains('\n'));
        text
    }
}

const MODEL: &str = "base/model.safetensors";
const ADAPTER: &str = "adapter/adapter_model.safetensors";
const CONFIG: &str = "adapter/adapter_config.json";

fn header(len: u64, json: &str) -> Vec<u8> {
    [&len.to_le_bytes()[..], json.as_bytes()].concat()
}

#[test]
fn the_unbroken_folder_is_accepted() {
    assert_eq!(Broken::new("mha-tied").refusal(), "accepted");
}

#[test]
fn safetensors_that_lie_are_refused() {
    let whole = |json: &str| header(json.len() as u64, json);
    type Change = Box<dyn FnOnce(Vec<u8>) -> Vec<u8>>;
    let cases: Vec<Change> = vec![
        Box::new(|_| Vec::new()),
        Box::new(|b| b[..4].to_vec()),
        Box::new(|b| b[..b.len() / 2].to_vec()),
        Box::new(|b| b[..b.len() - 1].to_vec()),
        Box::new(|b| [b, vec![0]].concat()),
        Box::new(|_| header(u64::MAX, "{}")),
        Box::new(|_| header(1 << 40, "{}")),
        Box::new(|_| header(90_000_000, "{}")),
        Box::new(move |_| whole("[]")),
        Box::new(move |_| whole(r#"{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,17]}}"#)),
        Box::new(move |_| whole(r#"{"x":{"dtype":"F32","shape":[1152921504606846976,64],"data_offsets":[0,16]}}"#)),
        Box::new(move |_| [whole(r#"{"x":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}"#), vec![0; 16]].concat()),
        Box::new(move |_| [whole(r#"{"x":{"dtype":"F99","shape":[4],"data_offsets":[0,16]}}"#), vec![0; 16]].concat()),
    ];
    for (i, change) in cases.into_iter().enumerate() {
        let file = [MODEL, ADAPTER, "golden.safetensors"][i % 3];
        let text = Broken::new("mha-tied").edit(file, change).refusal();
        assert!(text.contains(file) && text.contains("header: found"), "case {i}: {text}");
    }
    let broken = Broken::new("mha-tied");
    std::fs::remove_file(broken.path(MODEL)).unwrap();
    assert!(broken.refusal().contains("model.safetensors: No such file"));
}

#[test]
fn not_a_number_and_infinity_are_named_by_position() {
    for (bits, shown) in [(0x7fc0_0000u32, "NaN"), (0x7f80_0000, "inf"), (0xff80_0000, "-inf")] {
        for file in [MODEL, ADAPTER, "golden.safetensors"] {
            let text = Broken::new("mha-tied")
                .edit(file, |mut b| {
                    let n = b.len();
                    b[n - 4..].copy_from_slice(&bits.to_le_bytes());
                    b
                })
                .refusal();
            assert!(
                text.contains(file) && text.contains(&format!("found {shown}, expected a finite number")),
                "{text}"
            );
        }
    }
}

#[test]
fn adapters_that_are_not_plain_lora_are_refused_by_name() {
    let cases = [
        (r#""use_dora": false"#, r#""use_dora": true"#, "use_dora: found true"),
        (r#""bias": "none""#, r#""bias": "all""#, "bias: found \"all\", expected none"),
        (r#""bias": "none""#, r#""bias": ["all"]"#, "bias: found [\"all\"], expected none"),
        (
            r#""rank_pattern": {}"#,
            r#""rank_pattern": {"(.*)*\\1(x+x+)+y": 2}"#,
            "expected an expression that matches in few steps",
        ),
        (r#""lora_bias": false"#, r#""lora_bias": true"#, "lora_bias: found true"),
        (r#""modules_to_save": null"#, r#""modules_to_save": ["lm_head"]"#, "modules_to_save: found [\"lm_head\"]"),
        (r#""peft_type": "LORA""#, r#""peft_type": "IA3""#, "peft_type: found \"IA3\", expected LORA"),
        (r#""fan_in_fan_out": false"#, r#""fan_in_fan_out": true"#, "fan_in_fan_out: found true"),
        (r#""layer_replication": null"#, r#""layer_replication": [[0,2]]"#, "layer_replication: found [[0,2]]"),
        (r#""init_lora_weights": true"#, r#""init_lora_weights": "pissa""#, "init_lora_weights: found \"pissa\""),
        (r#""bias": "none""#, r#""bias": "none", "from_the_future": 1"#, "from_the_future: found 1"),
        (r#""r": 4"#, r#""r": 257"#, "r: found 257, expected a rank from 1 to 256"),
        (r#""r": 4"#, r#""r": -4"#, "r: found -4"),
        (r#""lora_alpha": 8"#, r#""lora_alpha": "8""#, "lora_alpha: found \"8\", expected a number"),
        (r#""rank_pattern": {}"#, r#""rank_pattern": {"(": 2}"#, "rank_pattern.(: found"),
        (r#""rank_pattern": {}"#, r#""rank_pattern": {"v_proj": 0}"#, "rank_pattern.v_proj: found 0"),
        (r#""q_proj""#, r#""k_proj""#, "target_modules: found no match for model.layers.0.self_attn.q_proj"),
        ("{", "", "adapter_config.json: line"),
    ];
    for (from, to, says) in cases {
        let text = Broken::new("mha-tied").replace(CONFIG, from, to).refusal();
        assert!(text.contains("adapter_config.json") && text.contains(says), "{text}\nshould say {says}");
    }
}

#[test]
fn configurations_that_disagree_with_the_weights_are_refused() {
    let cases = [
        (r#""hidden_size": 32"#, r#""hidden_size": 36"#, "expected"),
        (r#""vocab_size": 258"#, r#""vocab_size": 259"#, "expected"),
        (r#""num_hidden_layers": 2"#, r#""num_hidden_layers": 3"#, "model.layers.2."),
        (r#""num_hidden_layers": 2"#, r#""num_hidden_layers": 1"#, "a module that the base model lacks"),
        (
            r#""num_key_value_heads": 4"#,
            r#""num_key_value_heads": 3"#,
            "num_key_value_heads: found 3, expected a divisor of num_attention_heads",
        ),
        (
            r#""num_attention_heads": 4"#,
            r#""num_attention_heads": 0"#,
            "num_attention_heads: found 0, expected 1 to 2^24",
        ),
        (r#""head_dim": 8"#, r#""head_dim": 7"#, "head_dim: found 7, expected an even number"),
        (r#""intermediate_size": 48"#, r#""intermediate_size": 2000000"#, "a width of 2000000, expected at most 2^20"),
        (r#""model_type": "llama""#, r#""model_type": "mamba""#, "model_type: found mamba, expected llama"),
        (r#""hidden_act": "silu""#, r#""hidden_act": "gelu""#, "hidden_act: found gelu"),
        (
            r#""rope_type": "default""#,
            r#""rope_type": "yarn""#,
            "rope_type: found yarn, expected default, linear or llama3",
        ),
        (r#""rms_norm_eps": 1e-06"#, r#""rms_norm_eps": -1"#, "rms_norm_eps: found -1"),
        (r#""bos_token_id": 0"#, r#""bos_token_id": 258"#, "bos_token_id: found 258, expected a token below 258"),
    ];
    for (from, to, says) in cases {
        let text = Broken::new("mha-tied").replace("base/config.json", from, to).refusal();
        assert!(text.contains(says), "{text}\nshould say {says}");
    }
}

#[test]
fn an_adapter_for_another_base_is_refused() {
    let (wide, narrow) = (Broken::new("biases-head-dim"), Broken::new("mha-tied"));
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        std::fs::copy(wide.path("adapter").join(file), narrow.path("adapter").join(file)).unwrap();
    }
    let text = narrow.refusal();
    assert!(
        text.contains("adapter_model.safetensors") && text.contains("found shape") && text.contains("expected ["),
        "{text}"
    );
}

#[test]
fn captured_traces_must_be_whole() {
    let drop_tensor = |name: &str| {
        Broken::new("mha-tied").edit("golden.safetensors", |b| {
            let all = safetensors::SafeTensors::deserialize(&b).unwrap();
            let keep: Vec<_> = all.iter().filter(|(n, _)| !n.starts_with(name)).collect();
            safetensors::serialize(keep, None).unwrap()
        })
    };
    assert!(drop_tensor("input_ids").refusal().contains("input_ids: found no such tensor, expected I64 [T]"));
    // q and v read the same tensor: one of them is enough, none is not
    assert_eq!(drop_tensor("model.layers.0.self_attn.q_proj.input").refusal(), "accepted");
    assert!(
        drop_tensor("model.layers.0.")
            .refusal()
            .contains("model.layers.0.self_attn.q_proj.input: found no such tensor")
    );
    let shorter = Broken::new("mha-tied").edit("golden.safetensors", |b| {
        let all = safetensors::SafeTensors::deserialize(&b).unwrap();
        let ids = all.tensor("input_ids").unwrap();
        let cut =
            safetensors::tensor::TensorView::new(ids.dtype(), vec![ids.shape()[0] - 1], &ids.data()[8..]).unwrap();
        let others = all.iter().filter(|(n, _)| *n != "input_ids");
        safetensors::serialize(others.chain([("input_ids", cut)]), None).unwrap()
    });
    assert!(shorter.refusal().contains(".input: found shape ["), "{}", shorter.refusal());
}

/// A text's tokens depend on the text alone: no random merges, and a special token spelled out is text.
#[test]
fn tokens_depend_on_the_text_alone() {
    let dropout = Broken::new("mha-tied").replace("base/tokenizer.json", r#""dropout": null"#, r#""dropout": 0.3"#);
    assert!(dropout.refusal().contains("tokenizer.json: model.dropout: found random merges"), "{}", dropout.refusal());
    let base = Base::open(&Broken::new("mha-tied").path("base")).unwrap();
    let tokens = base.encode("<s></s>").unwrap();
    assert_eq!(tokens.len(), "<s></s>".len() + 2, "{tokens:?}");
}
