import type { Usage } from "./wire.js";

/** Spending is what a task has used in this turn. */
export class Spending {
  #total: Usage = {};
  #told: Usage = {};
  #refused = false;

  /** Throws a RangeError if the unit or the amount breaks a rule; nothing is added then. */
  add(unit: string, amount: number): void {
    if (!/^[a-z0-9_]{1,32}$/.test(unit)) throw new RangeError(`a unit is 1 to 32 of a-z, 0-9 and _, and this one is ${JSON.stringify(unit)}`);
    if (!(amount >= 0 && amount <= 1e15)) throw new RangeError(`an amount is from 0 to 10^15, and this one is ${amount}`);
    if (!(unit in this.#total) && Object.keys(this.#total).length >= 8) throw new RangeError("a mission has at most 8 units");
    this.#total = { ...this.#total, [unit]: (this.#total[unit] ?? 0) + amount };
  }

  /** The sums, unless the supervisor knows them. */
  untold(): Usage | undefined {
    const changed = Object.entries(this.#total).some(([unit, amount]) => this.#told[unit] !== amount);
    return changed && !this.#refused ? this.#total : undefined;
  }

  tell(usage: Usage): void {
    this.#told = usage;
  }

  /** The supervisor takes none. */
  refuse(): void {
    this.#refused = true;
  }
}
