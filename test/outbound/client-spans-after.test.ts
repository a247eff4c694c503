import { defineBeside } from "./client-spans-beside.ts";

defineBeside("after us");
