import type { Command } from "commander";

/** Adds verbs below `warren cask`. */
export function caskCommands(_program: Command): void {}
