/** The options of `convert`. */
export interface ConversionOptions<Key extends string = string> {
  /** The conversion's value, in the service's own unit; finite, at least 0. */
  readonly value?: number;
  /** The one experiment for which it counts, also if an earlier request exposed it. */
  readonly experiment?: Key;
}
