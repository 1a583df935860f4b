//! A key is found where it is, and shown nowhere.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use alloy::signers::{k256::elliptic_curve::rand_core::OsRng, local::PrivateKeySigner};
use serde_json::{Value, json};
use talea_chain::key::{KEY, PASSWORD, Place};

const SECRET: &str = "a horse, a battery & a staple";

/// A keystore that is made anew, and its key.
struct Store {
    dir: tempfile::TempDir,
    key: PrivateKeySigner,
    digits: String,
}

impl Store {
    fn new() -> Self {
        let (dir, key) = (tempfile::tempdir().unwrap(), PrivateKeySigner::random());
        let bytes = key.to_bytes();
        PrivateKeySigner::encrypt_keystore(dir.path(), &mut OsRng, bytes, SECRET, Some("keystore")).unwrap();
        Self { dir, key, digits: bytes.to_string().trim_start_matches("0x").into() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn read(&self, file: &Path, password: &Path) -> Result<PrivateKeySigner, talea_formats::Error> {
        Place::Keystore { file: file.into(), password: Some(password.into()) }.read()
    }

    /// The one line of a refusal, which shows no part of key or password.
    fn refusal(&self, file: &Path, password: &Path) -> String {
        let said = self.read(file, password).unwrap_err().to_string();
        self.harmless(&said);
        said
    }

    fn harmless(&self, said: &str) {
        assert_eq!(said.lines().count(), 1, "{said}");
        let lower = said.to_lowercase();
        // five digits of a key are in a line by chance once in many thousand times; seven never
        for part in self.digits.as_bytes().windows(7).chain(SECRET.as_bytes().windows(5)) {
            assert!(!lower.contains(str::from_utf8(part).unwrap()), "{said}");
        }
    }
}

#[test]
fn a_keystore_is_opened_by_its_password_alone() {
    let store = Store::new();
    let keystore = store.path("keystore");
    for text in [SECRET.to_string(), format!("{SECRET}\n")] {
        let password = store.write("password", &text);
        assert_eq!(store.read(&keystore, &password).unwrap().address(), store.key.address(), "{text:?}");
    }
    for text in [format!("{SECRET}\n\n"), SECRET[1..].into(), String::new()] {
        let password = store.write("password", &text);
        let said = store.refusal(&keystore, &password);
        assert!(said.contains("keystore: found no key, expected one that this password opens"), "{said}");
    }
}

#[test]
fn what_is_missing_is_said() {
    let store = Store::new();
    let password = store.write("password", SECRET);
    let said = store.refusal(&store.path("nowhere"), &password);
    assert!(said.contains("nowhere") && said.contains("No such file"), "{said}");
    let said = store.refusal(&store.path("keystore"), &store.path("elsewhere"));
    assert!(said.contains("elsewhere") && said.contains("No such file"), "{said}");
}

#[test]
fn damage_is_refused_and_nothing_of_the_file_is_quoted() {
    let store = Store::new();
    let password = store.write("password", SECRET);
    let good = std::fs::read_to_string(store.path("keystore")).unwrap();
    let digits = &store.digits;
    // no keystores at all: a key that somebody put there, as digits, as a text, in a field
    let mut damaged = vec![good[..good.len() / 2].to_string(), String::new(), "{}".into(), digits.clone()];
    damaged.push(format!("\"{digits}\""));
    damaged.push(good.replace("\"version\":3", &format!("\"version\":\"{digits}\"")));
    type Damage = fn(&mut Value);
    let damages: [Damage; 14] = [
        |k| k["version"] = json!(1),
        |k| k["crypto"]["cipher"] = json!("aes-256-gcm"),
        |k| k["crypto"]["cipherparams"]["iv"] = json!("00"),
        |k| k["crypto"]["ciphertext"] = json!("00"),
        |k| k["crypto"]["ciphertext"] = json!("ab".repeat(32)),
        |k| k["crypto"]["mac"] = json!("ab".repeat(32)),
        |k| k["crypto"]["kdf"] = json!("none"),
        |k| k["crypto"]["kdfparams"]["salt"] = json!("zz"),
        // each of these makes the library panic, or ask for all memory
        |k| k["crypto"]["kdfparams"]["dklen"] = json!(16),
        |k| k["crypto"]["kdfparams"]["n"] = json!(0),
        |k| k["crypto"]["kdfparams"]["n"] = json!(1u32 << 31),
        |k| k["crypto"]["kdfparams"]["r"] = json!(u32::MAX),
        |k| k["crypto"]["kdfparams"]["p"] = json!(u32::MAX),
        |k| k["id"] = json!("none"),
    ];
    for damage in damages {
        let mut keystore: Value = serde_json::from_str(&good).unwrap();
        damage(&mut keystore);
        let text = keystore.to_string();
        assert_ne!(text, good);
        damaged.push(text);
    }
    for text in damaged {
        let file = store.write("damaged", &text);
        let said = store.refusal(&file, &password);
        assert!(said.contains("damaged"), "{said}");
    }
    // not text
    std::fs::write(store.path("damaged"), [0xff, 0xfe]).unwrap();
    store.refusal(&store.path("damaged"), &password);
}

/// A keystore of the other kind, whose cost is a count of rounds.
#[test]
fn rounds_are_bounded() {
    let store = Store::new();
    let good: Value = serde_json::from_str(&std::fs::read_to_string(store.path("keystore")).unwrap()).unwrap();
    // the definition's own example, whose salt, text and sum stand for this password and 262,144 rounds
    let password = store.write("password", "testpassword");
    let mut keystore = good.clone();
    keystore["crypto"] = json!({
        "cipher": "aes-128-ctr",
        "cipherparams": { "iv": "6087dab2f9fdbbfaddc31a909735c1e6" },
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262_144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    });
    let example = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
    let key: PrivateKeySigner = example.parse().unwrap();
    let file = store.write("rounds", &keystore.to_string());
    assert_eq!(store.read(&file, &password).unwrap().address(), key.address());
    // the last of these would take most of an hour
    for rounds in [0, 10_000_001, u32::MAX] {
        keystore["crypto"]["kdfparams"]["c"] = json!(rounds);
        let file = store.write("rounds", &keystore.to_string());
        let said = store.refusal(&file, &password);
        assert!(said.contains("pbkdf2") && said.contains("c from 1 to 10^7"), "{said}");
    }
}

/// In a child of its own, because a variable of this process is everybody's.
#[test]
fn the_environment_is_read() {
    const FILE: &str = "TALEA_TEST_KEYSTORE";
    if let Some(file) = std::env::var_os(FILE) {
        let place = match file.is_empty() {
            true => Place::Environment,
            false => Place::Keystore { file: file.into(), password: None },
        };
        match place.read() {
            Ok(key) => println!("<{}>", key.address()),
            Err(e) => println!("<{e}>"),
        }
        return;
    }
    let store = Store::new();
    let keystore = store.path("keystore");
    let ask = |file: &Path, variables: &[(&str, &str)]| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "the_environment_is_read", "--nocapture"]).env_remove(KEY).env_remove(PASSWORD);
        let out = child.env(FILE, file).envs(variables.iter().copied()).output().unwrap();
        let out = String::from_utf8(out.stdout).unwrap();
        let said = out.split_once('<').unwrap().1.split_once('>').unwrap().0.to_string();
        store.harmless(&said);
        said
    };
    let (none, address) = (Path::new(""), store.key.address().to_string());
    assert_eq!(ask(&keystore, &[(PASSWORD, SECRET)]), address);
    assert_eq!(ask(none, &[(KEY, &store.digits)]), address);
    assert_eq!(ask(none, &[(KEY, &format!(" 0x{}\n", store.digits))]), address);
    for (said, why) in [
        (ask(&keystore, &[]), "TALEA_PASSWORD: found nothing"),
        (ask(&keystore, &[(PASSWORD, &SECRET[1..])]), "this password opens"),
        (ask(none, &[]), "TALEA_KEY: found nothing"),
        (ask(none, &[(KEY, &store.digits[1..])]), "TALEA_KEY: found something else"),
        (ask(none, &[(KEY, &"f".repeat(64))]), "TALEA_KEY: found something else"),
    ] {
        assert!(said.contains(why), "{said}");
    }
}
