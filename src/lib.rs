//! x
pub mod action;
pub mod check;
pub mod cli;
pub mod config;
pub mod converge;
pub mod daemon;
pub mod event;
pub mod file;
pub mod group;
pub mod health;
pub mod pool;
pub mod process;
pub mod report;
pub mod schedule;
pub mod settings;
pub mod start;
pub mod state;
