//! The plonky2 peer: `run` and `check`.

fn main() -> anyhow::Result<()> {
    bench_relation::command::main::<circuits_plonky2::Plonky2>(rayon::current_num_threads())
}
