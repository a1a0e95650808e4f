# A light in a stairwell reports that it is lit after that is on disk, and goes out by itself.
machine light
config off-after=250ms

at 0ms pressed by=anna
       > save seq=1 lit=true        # the report waits for the disk
at 9ms saved seq=1
       > report lit=true by=anna

# Pressed again while lit: the time starts anew, and there is nothing to report.
at 100ms pressed by="bert, from below"

until 600ms
  at 350ms wake
         > save seq=2 lit=false
at 601ms saved seq=2
       > report lit=false

# An answer about a save that nobody asked for is ignored.
at 602ms saved seq=77

# The driver was late by two seconds, and the light burned as long.
at 700ms pressed by=anna
       > save seq=3 lit=true
at 2950ms wake
       > save seq=4 lit=false
# The disk answers for the older save: the newer one covers it.
at 2951ms saved seq=3
at 2952ms saved seq=4
       > report lit=false
