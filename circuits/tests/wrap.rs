//! The wrap.
mod common;
use common::batch::a_case;
use halo2_base::gates::circuit::{CircuitBuilderStage, builder::BaseCircuitBuilder};
use talea_circuits::{
    Fr,
    transcript::bytes::Bytes,
    wrap::circuit::{Witness, lay},
};

#[test]
fn cells() {
    let case = a_case();
    let (statement, proof) = case.prove(case.columns());
    let mut builder =
        BaseCircuitBuilder::from_stage(CircuitBuilderStage::Mock).use_k(20).use_lookup_bits(19).use_instance_columns(1);
    let cells =
        lay(&mut builder, &case.key, Witness { statement, proof: Bytes::new(&proof), alpha: Fr::from(5u64) }).unwrap();
    println!("{} chunks, {} bytes: {cells:?}", case.key.layout.chunks(), proof.len());
}
