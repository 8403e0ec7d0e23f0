/**
 * The programs beside Node that the tests talk to, and their Debian packages. What is missing is installed through apt
 * when that is possible (Debian, as root); otherwise the caller is told what is missing, and the tests that need it are
 * skipped with the reason said.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { output } from "./modules.mjs";

/** What the tests use. */
const needs = [
  { program: "chromium", package: "chromium", use: "the pages in a real browser" },
  { program: "curl", package: "curl", use: "uploads and downloads as people do them" },
  { program: "nginx", package: "nginx-light", use: "the peer that file serving is measured beside" },
  { program: "openssl", package: "openssl", use: "certificates and TLS connections" },
  { program: "git", package: "git", use: "the check that a fresh clone starts" },
];

/** Debian keeps servers where an ordinary user's path does not lead. */
const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];

function isThere(program) {
  return folders.some((folder) => {
    const path = join(folder, program);
    if (!existsSync(path)) return false;
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs what is missing if it can. Resolves to the needs that stay unmet; `say` is told what takes time. */
export async function provision(say) {
  const missing = needs.filter(({ program }) => !isThere(program));
  if (missing.length === 0) return [];
  if (process.getuid?.() !== 0 || !isThere("apt-get")) return missing;
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const packages = missing.map((need) => need.package);
  say(`Installing ${packages.join(", ")}`);
  const install = () =>
    output("apt-get", ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", ...packages], {
      env: environment,
    });
  // The list of packages is only fetched when the one at hand does not do.
  let result = await install();
  if (result.code !== 0) {
    await output("apt-get", ["update"], { env: environment });
    result = await install();
  }
  if (result.code !== 0) say(`apt-get failed:\n${result.text.trim().split("\n").slice(-10).join("\n")}`);
  return needs.filter(({ program }) => !isThere(program));
}
