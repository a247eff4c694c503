import { COMMISSION, type Commission } from "../set-ups.ts";

// why: the parent wrote it, in this form
export const commission = JSON.parse(process.env[COMMISSION] ?? "") as Commission;
