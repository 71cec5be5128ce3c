//! Links the unwinder into the binary, which then needs nothing but libc at run time.
//!
//! std asks the linker for `libgcc_s.so`. A linker script of that name, found first, gives it GCC's static unwinder
//! instead (ld(1), GROUP). Only where libgcc is what std asks for: Linux with glibc.

use std::env;
use std::fs;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=.cargo/build.rs");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" {
        return;
    }
    let folder = env::var("OUT_DIR").expect("cargo gives every build script a folder");
    let script = Path::new(&folder).join("libgcc_s.so");
    fs::write(script, "GROUP ( -lgcc_eh -lgcc )\n").expect("the folder can be written to");
    println!("cargo:rustc-link-search=native={folder}");
}
