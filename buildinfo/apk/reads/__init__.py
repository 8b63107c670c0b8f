"""What apk reads of a v2 package and makes of it: one model of apk-tools 2.14 and 3.0, for all that judge packages.

Archives can say one thing by tar's standard and another to apk, and then a comparison or a signature is about something
else than what gets installed. :mod:`headers` is apk's tar reader, :mod:`segments` its walk over signatures, control and
data, :mod:`info` its reading of `.PKGINFO`, :mod:`install` what becomes of the entries of the data segment, in their
order.
"""
