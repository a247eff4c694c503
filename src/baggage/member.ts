/** A property of a member: `;key` or `;key=value`. The value is decoded; undefined for a property without `=`. */
export interface BaggageProperty {
  readonly key: string;
  readonly value?: string;
}

/** One `key=value;property` of the header. The key is never decoded; the value is decoded. */
export interface BaggageMember {
  readonly key: string;
  readonly value: string;
  readonly properties: readonly BaggageProperty[];
}

/** A member as input of `formatBaggage` and `mergeBaggage`; its properties may be left out. */
export interface BaggageMemberInput {
  readonly key: string;
  readonly value: string | number | boolean | bigint;
  readonly properties?: readonly BaggageProperty[] | undefined;
}
