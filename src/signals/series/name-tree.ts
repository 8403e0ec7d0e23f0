/**
 * Names without tags as the tree that their dots make, for patterns: each step of a search goes down one node, so that
 * `a.*.c` looks at the children of `a` only. A search visits a bounded number of nodes and says when that was too few.
 */
import { Glob } from "../../lib/graphite/glob.ts";
import { Fault } from "../../kit/fault.ts";

interface TreeNode<T> {
  /** Undefined for a leaf, of which there may be a million. */
  children: Map<string, TreeNode<T>> | undefined;
  held: T | undefined;
}

/** One node that a pattern reached. */
export interface FoundNode<T> {
  /** The whole path down to it. */
  path: string;
  /** Its last part. */
  text: string;
  /** There are nodes below it. */
  branch: boolean;
  /** What stands here, when a series of just this name does. */
  held: T | undefined;
}

/** Nodes that one search may look at. */
export const visitsMax = 2_000_000;

/** A tree of dotted names. */
export class NameTree<T> {
  readonly #root: TreeNode<T> = { children: undefined, held: undefined };

  /** Puts something under a name. */
  set(path: string, held: T): void {
    let node = this.#root;
    for (let from = 0; from <= path.length;) {
      const dot = path.indexOf(".", from);
      const end = dot < 0 ? path.length : dot;
      const part = path.slice(from, end);
      from = end + 1;
      node.children ??= new Map();
      let next = node.children.get(part);
      if (!next) {
        next = { children: undefined, held: undefined };
        node.children.set(part, next);
      }
      node = next;
    }
    node.held = held;
  }

  /** Takes a name out, with the branches that are empty then. */
  delete(path: string): void {
    const way: { node: TreeNode<T>; part: string }[] = [];
    let node = this.#root;
    for (const part of path.split(".")) {
      const next = node.children?.get(part);
      if (!next) return;
      way.push({ node, part });
      node = next;
    }
    node.held = undefined;
    for (const step of way.reverse()) {
      const child = step.node.children?.get(step.part);
      if (!child || child.held !== undefined || child.children) return;
      step.node.children?.delete(step.part);
      if (step.node.children?.size === 0) step.node.children = undefined;
    }
  }

  /**
   * All nodes that a pattern matches, in order of their paths. Faults: `series/pattern` for a pattern that cannot be
   * read, `series/too-many-names` when more than `limit` match or more than {@link visitsMax} had to be looked at.
   */
  find(pattern: string, limit = Infinity): FoundNode<T>[] {
    let glob: Glob;
    try {
      glob = new Glob(pattern);
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new Fault("invalid", "series/pattern", reason, { cause: thrown });
    }
    let reached: { path: string; text: string; node: TreeNode<T> }[] = [{ path: "", text: "", node: this.#root }];
    let visits = 0;
    for (const part of glob.nodes) {
      const next: typeof reached = [];
      for (const { path, node } of reached) {
        const down = (text: string, child: TreeNode<T>) =>
          next.push({ path: path === "" ? text : `${path}.${text}`, text, node: child });
        if (part.literals) {
          for (const text of new Set(part.literals)) {
            visits++;
            const child = node.children?.get(text);
            if (child) down(text, child);
          }
        } else if (node.children) {
          visits += node.children.size;
          for (const [text, child] of node.children) if (part.matches(text)) down(text, child);
        }
        if (visits > visitsMax) throw tooMany(pattern, "looks at", visitsMax);
      }
      reached = next;
    }
    if (reached.length > limit) throw tooMany(pattern, "matches", limit);
    return reached
      .map(({ path, text, node }) => ({ path, text, branch: node.children !== undefined, held: node.held }))
      .sort((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0));
  }
}

function tooMany(pattern: string, what: string, limit: number): Fault {
  return new Fault(
    "limited",
    "series/too-many-names",
    `Cannot search for "${pattern.slice(0, 200)}": it ${what} more than ${limit} names; make it narrower`,
    { status: 400 },
  );
}
