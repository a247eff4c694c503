import * as undici8 from "undici";
import * as undici6 from "undici-6";
import * as undici7 from "undici-7";

export type Undici = typeof undici8;

/** The supported majors of undici, as one type: the parts that the suites use are the same in all three. */
export interface UndiciMajor {
  readonly name: string;
  readonly major: 6 | 7 | 8;
  readonly undici: Undici;
}

export const undiciMajors: readonly UndiciMajor[] = [
  // why: the older majors differ in the types of handlers, which the suites do not use
  { name: "undici 6", major: 6, undici: undici6 as unknown as Undici },
  // why: as above
  { name: "undici 7", major: 7, undici: undici7 as unknown as Undici },
  { name: "undici 8", major: 8, undici: undici8 },
];
