/**
 * Who each node believes to be there. Views differ and are late: a death is noticed after a while, a restart sooner, a
 * node that just started knows nobody, a suspicion may be false, and what a node tells of itself arrives at different
 * times. Nodes that cannot exchange packets (neither directly nor over a third) lose sight of each other.
 *
 * Modelled after a gossip with failure detection, from outside: this knows the truth and lets it seep through.
 */
import { below, type Random } from "../../src/kit/random.ts";
import type { CaskNode } from "../../src/storage/cask/placement.ts";
import type { VirtualTime } from "./virtual-clock.ts";

/** What membership needs to know of the world. */
export interface MembershipWorld {
  time: VirtualTime;
  random: Random;
  /** Whether a process of the node runs and gets time. */
  up(nodeId: string): boolean;
  /** Whether packets pass from one node to another. */
  linked(from: string, to: string): boolean;
  /** Tells a node's process that its view has changed. */
  changed(nodeId: string): void;
}

/** What a node says of itself. */
export interface Tells {
  writeable: boolean;
  draining: boolean;
}

interface Sight {
  alive: boolean;
  sinceMs: number;
  tells: Tells;
  /** Of the tells: older ones that arrive late are ignored. */
  version: number;
  suspectedUntilMs: number;
  checking: boolean;
}

interface Member {
  tells: Tells;
  version: number;
  /** What this node sees of the others. Empty when its process has just started. */
  view: Map<string, Sight>;
  /** Everyone this node's disk remembers to have met. */
  readonly met: Set<string>;
  /** How many nodes its configuration says there are. */
  expected: number;
  /** Distinguishes lives of its process. */
  life: number;
}

/** The imprecise membership of a simulated cluster. */
export class Membership {
  readonly #world: MembershipWorld;
  readonly #members = new Map<string, Member>();
  /** Set once nothing is to be late any more. */
  calm = false;

  constructor(world: MembershipWorld) {
    this.#world = world;
  }

  /** Ids of all members that were not forgotten. */
  ids(): string[] {
    return [...this.#members.keys()];
  }

  /** A new node, not yet started. */
  add(nodeId: string, expected: number): void {
    this.#members.set(nodeId, {
      tells: { writeable: true, draining: false },
      version: 0,
      view: new Map(),
      met: new Set([nodeId]),
      expected,
      life: 0,
    });
  }

  /** Its process has started, knows nobody, and goes looking for the others. */
  started(nodeId: string): void {
    const member = this.#members.get(nodeId);
    if (!member) return;
    member.life++;
    member.view = new Map();
    this.#join(nodeId, member.life);
  }

  /** Its disk was lost, and with it whom it met. */
  wiped(nodeId: string): void {
    const member = this.#members.get(nodeId);
    member?.met.clear();
    member?.met.add(nodeId);
  }

  /** The operator declares a node gone for good. `replaced`: another will come, so the configured number stays. */
  forget(nodeId: string, replaced: boolean): void {
    this.#members.delete(nodeId);
    for (const [otherId, other] of this.#members) {
      other.met.delete(nodeId);
      if (!replaced) other.expected = Math.min(other.expected, this.#members.size);
      this.#later(200, 3000, () => {
        if (other.view.delete(nodeId)) this.#world.changed(otherId);
      });
    }
  }

  /** A node says something new of itself. */
  tell(nodeId: string, tells: Tells): void {
    const member = this.#members.get(nodeId);
    if (!member || (member.tells.writeable === tells.writeable && member.tells.draining === tells.draining)) return;
    member.tells = { ...tells };
    const version = ++member.version;
    for (const otherId of this.#members.keys()) {
      if (otherId !== nodeId) this.#bring(nodeId, otherId, version);
    }
  }

  /** Something changed in who can reach whom: sooner or later everyone notices. */
  stirred(): void {
    for (const [viewerId, viewer] of this.#members) {
      for (const [targetId, sight] of viewer.view) this.#check(viewerId, viewer, targetId, sight);
    }
  }

  /** `viewerId` takes `targetId` for dead for a while, without reason. */
  suspect(viewerId: string, targetId: string, forMs: number): void {
    const viewer = this.#members.get(viewerId);
    const sight = viewer?.view.get(targetId);
    if (!viewer || !sight || viewerId === targetId) return;
    sight.suspectedUntilMs = this.#world.time.nowMs + forMs;
    this.#settle(viewerId, viewer, targetId, sight);
    this.#world.time.schedule(forMs + 1, () => this.#check(viewerId, viewer, targetId, sight));
  }

  /** What a node sees, itself first. `self` is what it knows of itself. */
  view(nodeId: string, self: Tells): { nodes: CaskNode[]; nodesExpected: number } {
    const member = this.#members.get(nodeId);
    const nodes: CaskNode[] = [caskNode(nodeId, true, 0, self, true)];
    for (const [id, sight] of member?.view ?? []) {
      nodes.push(
        caskNode(id, sight.alive, sight.alive ? 0 : this.#world.time.nowMs - sight.sinceMs, sight.tells, false),
      );
    }
    return { nodes, nodesExpected: member ? Math.max(member.expected, member.met.size) : 1 };
  }

  /** Members that a node takes for dead, or has not met since it started. */
  lostTo(nodeId: string): string[] {
    const view = this.#members.get(nodeId)?.view;
    return this.ids().filter((id) => id !== nodeId && !view?.get(id)?.alive);
  }

  /** Members that a node does not see now and cannot know to be missing. */
  unknownTo(nodeId: string): string[] {
    const member = this.#members.get(nodeId);
    if (!member) return [];
    if (Math.max(member.expected, member.met.size) >= this.#members.size) return [];
    return this.ids().filter((id) => id !== nodeId && !member.view.has(id));
  }

  /** Whether every running node sees the truth. */
  precise(): boolean {
    return this.impreciseness() === "";
  }

  /** What some running node sees wrong; empty when all see the truth. */
  impreciseness(): string {
    for (const [viewerId, viewer] of this.#members) {
      if (!this.#world.up(viewerId)) continue;
      for (const [targetId, target] of this.#members) {
        if (targetId === viewerId) continue;
        const sight = viewer.view.get(targetId);
        if (!sight) return `${viewerId} has not met ${targetId}`;
        if (sight.alive !== this.#reachable(viewerId, targetId)) return `${viewerId} is wrong about ${targetId}`;
        if (sight.version !== target.version) return `${viewerId} has old news of ${targetId}`;
      }
    }
    return "";
  }

  #later(fromMs: number, toMs: number, action: () => void): void {
    const { time, random } = this.#world;
    time.schedule(this.calm ? fromMs : fromMs + below(random, toMs - fromMs), action);
  }

  #join(nodeId: string, life: number): void {
    this.#later(100, 4000, () => {
      const member = this.#members.get(nodeId);
      if (!member || member.life !== life) return;
      const others = this.ids().filter((id) => id !== nodeId);
      const answering = others.filter((id) => this.#world.up(id) && this.#reachable(nodeId, id));
      if (!this.#world.up(nodeId) || (answering.length === 0 && others.length > 0)) {
        this.#join(nodeId, life);
        return;
      }
      // One exchange of states tells most of it, gossip the rest, a little later.
      for (const otherId of others) {
        this.#later(0, 1500, () => this.#meet(nodeId, otherId, life));
        this.#later(0, 3000, () => this.#meet(otherId, nodeId, this.#members.get(otherId)?.life ?? -1));
      }
    });
  }

  #meet(viewerId: string, targetId: string, life: number): void {
    const viewer = this.#members.get(viewerId);
    const target = this.#members.get(targetId);
    if (!viewer || !target || viewer.life !== life) return;
    if (!this.#world.up(viewerId)) {
      // Paused, or down: in another life it joins anew.
      this.#later(1000, 2000, () => this.#meet(viewerId, targetId, life));
      return;
    }
    const known = viewer.view.get(targetId);
    if (known) {
      this.#learn(viewer, viewerId, known, target);
      this.#check(viewerId, viewer, targetId, known);
      return;
    }
    viewer.met.add(targetId);
    viewer.view.set(targetId, {
      alive: this.#reachable(viewerId, targetId),
      sinceMs: this.#world.time.nowMs,
      tells: { ...target.tells },
      version: target.version,
      suspectedUntilMs: 0,
      checking: false,
    });
    this.#world.changed(viewerId);
  }

  #bring(nodeId: string, otherId: string, version: number): void {
    this.#later(50, 3000, () => {
      const member = this.#members.get(nodeId);
      const other = this.#members.get(otherId);
      if (!member || !other || member.version !== version) return;
      if (!this.#reachable(otherId, nodeId)) {
        this.#bring(nodeId, otherId, version);
        return;
      }
      const sight = other.view.get(nodeId);
      if (sight) this.#learn(other, otherId, sight, member);
    });
  }

  #learn(viewer: Member, viewerId: string, sight: Sight, target: Member): void {
    if (sight.version >= target.version || !this.#members.has(viewerId)) return;
    sight.version = target.version;
    sight.tells = { ...target.tells };
    if (viewer.view.size > 0) this.#world.changed(viewerId);
  }

  #check(viewerId: string, viewer: Member, targetId: string, sight: Sight): void {
    if (sight.checking) return;
    const wanted = this.#reachable(viewerId, targetId) && sight.suspectedUntilMs <= this.#world.time.nowMs;
    const target = this.#members.get(targetId);
    if (wanted === sight.alive && (!target || target.version === sight.version)) return;
    sight.checking = true;
    const settle = () => {
      sight.checking = false;
      this.#settle(viewerId, viewer, targetId, sight);
    };
    if (wanted) this.#later(100, 2000, settle);
    else this.#later(400, 4000, settle);
  }

  #settle(viewerId: string, viewer: Member, targetId: string, sight: Sight): void {
    if (viewer.view.get(targetId) !== sight) return;
    const target = this.#members.get(targetId);
    const reachable = this.#reachable(viewerId, targetId);
    const alive = reachable && sight.suspectedUntilMs <= this.#world.time.nowMs;
    if (alive && target) this.#learn(viewer, viewerId, sight, target);
    if (alive === sight.alive) return;
    sight.alive = alive;
    sight.sinceMs = this.#world.time.nowMs;
    this.#world.changed(viewerId);
  }

  #reachable(viewerId: string, targetId: string): boolean {
    const { up } = this.#world;
    if (!up(targetId)) return false;
    if (this.#mutual(viewerId, targetId)) return true;
    for (const thirdId of this.#members.keys()) {
      if (thirdId === viewerId || thirdId === targetId || !up(thirdId)) continue;
      if (this.#mutual(viewerId, thirdId) && this.#mutual(thirdId, targetId)) return true;
    }
    return false;
  }

  #mutual(left: string, right: string): boolean {
    return this.#world.linked(left, right) && this.#world.linked(right, left);
  }
}

function caskNode(id: string, alive: boolean, goneMs: number, tells: Tells, self: boolean): CaskNode {
  return {
    id,
    url: `http://${id}`,
    self,
    alive,
    goneMs,
    writeable: tells.writeable,
    draining: tells.draining,
    speaksDigests: true,
  };
}
