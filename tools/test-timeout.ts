/**
 * The time a test may take unless it says otherwise, for whoever runs `bun test` with one file by hand. Tests start real
 * programs, and machines are busy; the runner's own five seconds are for neither. (`[test] timeout` in bunfig.toml is not
 * read, and this holds for the first file of a run only: several take `--timeout 120000`, as the gate does.)
 */
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(120_000);
