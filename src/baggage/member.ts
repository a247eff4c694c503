/** A property of a member: `;key` or `;key=value`. The value is decoded; without one there was no `=`. */
export interface BaggageProperty {
  readonly key: string;
  readonly value?: string;
}

/** One `key=value;property` of the header. The key is as on the wire (never decoded), the value is decoded. */
export interface BaggageMember {
  readonly key: string;
  readonly value: string;
  readonly properties: readonly BaggageProperty[];
}

/** What `formatBaggage` and `mergeBaggage` take: a member whose properties may be left out. */
export interface BaggageMemberInput {
  readonly key: string;
  readonly value: string | number | boolean | bigint;
  readonly properties?: readonly BaggageProperty[] | undefined;
}
