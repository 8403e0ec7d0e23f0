/** What benches of several nodes have in common. */
import { type ChildNode, until } from "../src/kit/testing/child-node.ts";

/** Waits until each node sees all of them. */
export async function together(nodes: readonly ChildNode[]): Promise<void> {
  for (const node of nodes) {
    await until("the nodes see each other", async () => {
      const response = await fetch(`${node.url}/cask/status.json`);
      const { nodes: seen } = (await response.json()) as { nodes: unknown[] };
      return seen.length === nodes.length;
    });
  }
}
