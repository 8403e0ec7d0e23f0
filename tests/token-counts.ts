/**
 * For tests with tokens: a running node looks for new ones about once a second, and it may look between two that a test
 * makes. It is asked by cookie, as wrong bearers are counted, and after ten of them refused in another way.
 */
import { until } from "../src/kit/testing/child-node.ts";

/** Waits until the newest of some tokens counts at a URL that nobody may GET without one. */
export async function tokenCounts(url: string, newest: string): Promise<void> {
  const status = async (headers: Record<string, string>) => (await fetch(url, { headers, redirect: "manual" })).status;
  // In this order: while there are no tokens, a wrong cookie is as good as none.
  await until(
    "the newest token counts",
    async () => (await status({})) === 401 && (await status({ Cookie: `warren=${newest}` })) !== 401,
  );
}
