/**
 * For tests with tokens. A running node looks for new ones about once a second, and it may look between two that a test
 * makes.
 */
import { type ChildNode, runProgram, until } from "../src/kit/testing/child-node.ts";

/** Makes a token of a node, as its operator does. */
export async function makeToken(node: Pick<ChildNode, "data">, name: string, scope: string): Promise<string> {
  const made = await runProgram(["token", "create", name, "--scope", scope, "--json", "--data", node.data]);
  return (JSON.parse(made.stdout) as { token: string }).token;
}

/**
 * Waits until the newest of some tokens counts at a URL that nobody may GET without one. It is shown as a cookie: wrong
 * bearers are counted, and after ten of them refused in another way.
 */
export async function tokenCounts(url: string, newest: string): Promise<void> {
  const status = async (headers: Record<string, string>) => (await fetch(url, { headers, redirect: "manual" })).status;
  // In this order: while there are no tokens, a wrong cookie is as good as none.
  await until(
    "the newest token counts",
    async () => (await status({})) === 401 && (await status({ Cookie: `warren=${newest}` })) !== 401,
  );
}
