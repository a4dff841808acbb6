// A page lock that is taken without a condition and still held at a return.
//
// The yardstick for speed.py, not a rule of pagelint: it knows neither
// wrappers, nor trylock, nor locks that a function returns on purpose.
//
// Confidence: Low

@leak@
expression page;
@@
(
* lock_page(page);
|
* folio_lock(page);
)
  ... when != unlock_page(page)
      when != folio_unlock(page)
* return ...;
