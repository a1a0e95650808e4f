//! placeholder
use crate::failure::Failure;
/// x
pub(crate) fn run(_: &[String]) -> Result<(), Failure> {
    Ok(())
}
