//! The halo2 peer: `run` and `check`.

fn main() -> anyhow::Result<()> {
    bench_relation::command::main::<circuits_halo2::Halo2>(rayon::current_num_threads())
}
