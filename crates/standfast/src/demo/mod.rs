//! (demo)
use crate::cli::DemoArgs;
use crate::failure::Failure;

pub(crate) fn demo(_: &DemoArgs) -> Result<(), Failure> {
    Err(Failure::refused("not yet"))
}
