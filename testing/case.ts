import assert from "node:assert/strict";

/** Whatever a contract is run on. */
export interface Harness {
  /** Names it in messages. */
  readonly name: string;
  /** The cases that cannot hold here, by id, each with its reason. */
  readonly lacks?: Readonly<Record<string, string>>;
}

/** One thing that every adapter of a kind must do. */
export interface ContractCase<H extends Harness> {
  /** Never given to another case. */
  readonly id: string;
  /** What holds, said of the adapter. */
  readonly title: string;
  /** @throws AssertionError, or what the harness throws */
  run(harness: H): Promise<void>;
}

/**
 * Runs one case on one harness. A case that the harness lacks has to fail, since a reason that no longer holds would
 * hide that it fails again. A case that hangs has failed.
 *
 * @throws AssertionError where the case fails, or where it passes although the harness names a reason
 */
export async function checkCase<H extends Harness>(
  contractCase: ContractCase<H>,
  harness: H,
  deadlineMs: number,
): Promise<void> {
  const { id } = contractCase;
  const reason = harness.lacks?.[id];
  if (reason === undefined) return within(deadlineMs, contractCase.run(harness));
  assert.notEqual(reason.trim(), "", `${harness.name} lacks ${id} without a reason`);
  const passes = await within(deadlineMs, contractCase.run(harness)).then(
    () => true,
    () => false,
  );
  assert.equal(passes, false, `${harness.name} passes ${id}; take it out of what it lacks: "${reason}"`);
}

/** @throws AssertionError where the harness lacks what is no case of the contract */
export function checkLacks<H extends Harness>(contract: readonly ContractCase<H>[], harness: H): void {
  const known = new Set(contract.map(({ id }) => id));
  const unknown = Object.keys(harness.lacks ?? {}).filter((id) => !known.has(id));
  assert.deepEqual(unknown, [], `${harness.name} lacks cases that there are none of`);
}

/** The cases of several topics, in the order of their ids. */
export function inOrder<H extends Harness>(
  ...topics: readonly (readonly ContractCase<H>[])[]
): readonly ContractCase<H>[] {
  return Object.freeze(topics.flat().sort((a, b) => (a.id < b.id ? -1 : 1)));
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: "the case hangs" })), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
