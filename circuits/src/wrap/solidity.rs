//! The contract that checks a proof of the wrap: snark-verifier writes it from the verifying key.

use std::rc::Rc;

use halo2_base::halo2_proofs::halo2curves::bn256::{Bn256, Fq, Fr, G1Affine};
use snark_verifier::{
    loader::evm::EvmLoader,
    pcs::kzg::{Bdfg21, KzgAs, LimbsEncoding},
    system::halo2::{Config, compile, transcript::evm::EvmTranscript},
    verifier::{
        SnarkVerifier,
        plonk::{PlonkProtocol, PlonkVerifier},
    },
};

use super::{
    Params, VerifyingKey,
    circuit::INSTANCES,
    keys::Circuit,
    points::{LIMB_BITS, LIMBS},
};
use crate::relations::statement::{Field, HEAD, Kind, SLOT, TAIL};

/// What halo2's verifier does, as snark-verifier sees it.
pub(super) fn protocol(params: &Params, key: &VerifyingKey) -> PlonkProtocol<G1Affine> {
    let accumulator = (0..4 * LIMBS).map(|i| (0, i)).collect();
    let config = Config::kzg().with_num_instance(vec![INSTANCES]).with_accumulator_indices(Some(accumulator));
    compile(params, key, config)
}

/// The contract's source: accepts calldata of instances and proof by returning nothing. It reduces instances mod r, ignores what follows
/// the proof and may burn all gas that it gets: whoever calls it checks ranges and lengths first, and caps its gas. Its second line says
/// what the code does not show: [`Facts`].
pub fn source(params: &Params, key: &VerifyingKey, circuit: &Circuit) -> String {
    type Verifier = PlonkVerifier<KzgAs<Bn256, Bdfg21>, LimbsEncoding<LIMBS, LIMB_BITS>>;
    let protocol = protocol(params, key);
    let deciding = (G1Affine::generator(), params.g2(), params.s_g2()).into();
    let loader = EvmLoader::new::<Fq, Fr>();
    let protocol = protocol.loaded(&loader);
    let mut tx = EvmTranscript::<_, Rc<EvmLoader>, _, _>::new(&loader);
    let instances = tx.load_instances(vec![INSTANCES]);
    let proof = Verifier::read_proof(&deciding, &protocol, &instances, &mut tx).expect("a proof in calldata");
    Verifier::verify(&deciding, &protocol, &instances, &proof).expect("a program, not a check");
    // solc's version is for whoever compiles to choose; blank lines say nothing
    let code = loader.solidity_code().replace("pragma solidity 0.8.19;", "pragma solidity ^0.8.19;");
    let mut lines = code.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let licence = lines.next().unwrap_or_default();
    let facts = Facts::of(params, key, circuit).line();
    lines.fold(format!("{licence}\n{facts}\n"), |text, line| text + line + "\n")
}

/// What a verifier's code does not show, and whoever settles with it has to agree with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Digest of the circuit.
    pub circuit: [u8; 32],
    /// log₂ of the payout slots: commitments over another domain open to other slots' amounts.
    pub domain: usize,
    /// Adapter slots of a statement.
    pub slots: usize,
    /// Bytes of a proof.
    pub proof: usize,
}

impl Facts {
    fn of(params: &Params, key: &VerifyingKey, circuit: &Circuit) -> Self {
        let Circuit { digest, domain, slots, .. } = *circuit;
        Self { circuit: digest, domain, slots, proof: super::proof::length(key, params) }
    }

    /// As a line of the source.
    fn line(&self) -> String {
        let digest: String = self.circuit.iter().map(|b| format!("{b:02x}")).collect();
        format!(
            "// Talea: circuit 0x{digest}, payout slots 2^{}, adapter slots {}, proof {} bytes",
            self.domain, self.slots, self.proof
        )
    }
}

/// The library that builds a statement's words in a contract, `StatementWords.sol`, from the table that the statement follows.
pub fn statement_words() -> String {
    let words = |fields: &[Field], from: &str, at: &str, indent: usize| {
        let mut index = 0;
        let line = |field: &Field| {
            let place = |i: usize| match (at.is_empty(), i) {
                (true, i) => i.to_string(),
                (false, 0) => at.to_string(),
                (false, i) => format!("{at} + {i}"),
            };
            let (first, second, name) = (place(index), place(index + 1), field.name);
            let right = match field.kind {
                Kind::Chain => format!("_field({first}, block.chainid)"),
                Kind::Caller => "uint160(msg.sender)".into(),
                Kind::Address => format!("uint160({from}.{name})"),
                Kind::Number(_) => format!("{from}.{name}"),
                Kind::Element => format!("_field({first}, {from}.{name})"),
                Kind::Halves => format!("_halves({from}.{name})"),
                Kind::Point => format!("_point({from}.{name})"),
            };
            index += field.kind.words();
            let left =
                if field.kind.words() == 2 { format!("(w[{first}], w[{second}])") } else { format!("w[{first}]") };
            format!("{:indent$}{left} = {right};\n", "")
        };
        fields.iter().map(line).collect::<String>()
    };
    let declared = |fields: &[Field]| {
        let line = |f: &Field| Some(format!("    /// {}\n    {} {};\n", f.about, f.kind.solidity()?, f.name));
        fields.iter().filter_map(line).collect::<String>()
    };
    let list = "    /// Adapter slots, in the key's order.\n    SlotStatement[] slots;\n";
    let count = |fields: &[Field]| fields.iter().map(|f| f.kind.words()).sum::<usize>().to_string();
    let parts = [
        ("%slot_fields%", declared(&SLOT)),
        ("%fields%", declared(&HEAD) + list + &declared(&TAIL)),
        ("%head%", words(&HEAD, "s", "", 8)),
        ("%slot%", words(&SLOT, "slot", "first", 12)),
        ("%tail%", words(&TAIL, "s", "tail", 8)),
        ("%head_words%", count(&HEAD)),
        ("%slot_words%", count(&SLOT)),
        ("%tail_words%", count(&TAIL)),
    ];
    parts.iter().fold(include_str!("StatementWords.sol.in").to_string(), |text, (name, part)| text.replace(name, part))
}

impl Kind {
    /// Words of the statement.
    fn words(self) -> usize {
        if matches!(self, Self::Halves | Self::Point) { 2 } else { 1 }
    }

    /// Its type in a struct, unless the contract knows it itself.
    fn solidity(self) -> Option<String> {
        Some(match self {
            Self::Chain | Self::Caller => return None,
            Self::Address => "address".into(),
            Self::Number(bits) => format!("uint{bits}"),
            Self::Element => "uint256".into(),
            Self::Halves => "bytes32".into(),
            Self::Point => "uint256[2]".into(),
        })
    }
}
