/**
 * The time a test may take unless it says otherwise, for whoever runs `bun test` by hand. Tests start real programs, and
 * machines are busy; the runner's own five seconds are for neither. (`[test] timeout` in bunfig.toml is not read.)
 */
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(120_000);
