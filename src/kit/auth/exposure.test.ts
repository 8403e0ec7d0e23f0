/** Nobody listens to the world by accident. */
import { expect, test } from "bun:test";

import { checkExposure, exposureWarning } from "./exposure.ts";

const closed = { tokensExist: false, waived: false, tls: false };

test("checkExposure: this machine alone needs nothing", () => {
  const listen = ["127.0.0.1:4100", "[::1]:4100", "localhost:0", "127.3.2.1", "::1"];
  expect(checkExposure({ ...closed, listen })).toBeUndefined();
  expect(exposureWarning({ ...closed, listen })).toBeUndefined();
});

test("checkExposure: others reach it only with tokens or a waiver", () => {
  for (const address of [
    "0.0.0.0:4100",
    "[::]:4100",
    "::",
    "192.168.1.2:4100",
    "attic.example:80",
    "*:80",
    ":80",
    "",
  ]) {
    const fault = checkExposure({ ...closed, listen: ["127.0.0.1:1", address] });
    expect(fault?.code).toBe("warren/exposed");
    expect(fault?.message).toContain("warren token create");
    expect(fault?.message).toContain("open_beyond_loopback");
    expect(checkExposure({ ...closed, listen: [address], tokensExist: true })).toBeUndefined();
    expect(checkExposure({ ...closed, listen: [address], waived: true })).toBeUndefined();
  }
});

test("exposureWarning: says what is allowed but not wise", () => {
  const listen = ["0.0.0.0:4100"];
  expect(exposureWarning({ ...closed, listen, waived: true })).toContain("Everybody");
  expect(exposureWarning({ ...closed, listen, tokensExist: true })).toContain("unencrypted");
  expect(exposureWarning({ ...closed, listen, tokensExist: true, tls: true })).toBeUndefined();
});
