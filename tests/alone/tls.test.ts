/**
 * A node with a certificate: HTTPS only, and another certificate is used soon after its files have changed.
 */
import { expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startChild, until } from "../../src/kit/testing/child-node.ts";

const haveOpenssl = Bun.which("openssl") !== null;
if (!haveOpenssl) console.log("skipped: TLS of a node: openssl is not installed");

function certificate(folder: string, name: string): { cert: string; key: string } {
  const cert = join(folder, `${name}.pem`);
  const key = join(folder, `${name}.key`);
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=${name}`;
  const made = Bun.spawnSync([
    "openssl",
    ...words.split(" "),
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-keyout",
    key,
    "-out",
    cert,
  ]);
  expect(made.exitCode).toBe(0);
  return { cert, key };
}

(haveOpenssl ? test : test.skip)(
  "TLS: answers HTTPS, and takes up a renewed certificate without a restart",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    const first = certificate(folder, "first");
    const second = certificate(folder, "second");
    const [cert, key] = [join(folder, "used.pem"), join(folder, "used.key")];
    copyFileSync(first.cert, cert);
    copyFileSync(first.key, key);
    try {
      await using node = await startChild({ words: ["up", "--tls-certificate", cert, "--tls-key", key] });
      expect(node.url).toStartWith("https://");
      const ask = (trusted: string) =>
        fetch(`${node.url}/healthz`, { tls: { ca: readFileSync(trusted, "utf8") } }).then(
          (answer) => answer.status,
          () => 0,
        );
      expect(await ask(first.cert)).toBe(200);
      expect(await ask(second.cert)).toBe(0);
      copyFileSync(second.cert, cert);
      copyFileSync(second.key, key);
      await until("the second certificate is used", async () => (await ask(second.cert)) === 200);
      expect(await node.end()).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  120_000,
);
