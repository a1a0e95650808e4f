# A hello with a newer config epoch is a decision: it is followed at once, and told on.             V3
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=2 nodes=3 down-after=1000ms confirm=50ms failover-timeout=10000ms switchover-timeout=1000ms}}
state epoch=4 groups={cache={master=10.0.0.1:6379 config-epoch=4 servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}
seed 1

at 0ms wake
       > announce event={level=warning group=cache name=+monitor payload="master cache 10.0.0.1 6379 quorum 2"}
       > connect link=10.0.0.1:6379#1 group=cache target=server channel=command
       > connect link=10.0.0.1:6379#2 group=cache target=server channel=hello
       > connect link=10.0.0.2:6379#3 group=cache target=server channel=command
       > connect link=10.0.0.2:6379#4 group=cache target=server channel=hello
       > publish view={group=cache epoch=4 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
at 1ms requested call=1 request=hello{text="10.0.0.8,26379,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,5,cache,10.0.0.2,6379,5"}
       > announce event={level=notice group=cache name=+sentinel payload="sentinel bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.8 26379 @ cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+new-epoch payload="5"}
       > announce event={level=warning group=cache name=+config-update-from payload="sentinel bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.8 26379 @ cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+switch-master payload="cache 10.0.0.1 6379 10.0.0.2 6379"}
       > announce event={level=notice group=cache name=+slave payload="slave 10.0.0.1:6379 10.0.0.1 6379 @ cache 10.0.0.2 6379"}
       > reply call=1 reply=ok
       > connect link=10.0.0.8:26379#5 group=cache target=peer channel=command
       > publish view={group=cache epoch=5 phase=steady master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=down offset=0}]}
       > save seq=1 state={epoch=5 groups={cache={master=10.0.0.2:6379 config-epoch=5 servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379}]}}}
# An older decision changes nothing.
at 2ms requested call=2 request=hello{text="10.0.0.7,26379,cccccccccccccccccccccccccccccccccccccccc,4,cache,10.0.0.1,6379,4"}
       > announce event={level=notice group=cache name=+sentinel payload="sentinel cccccccccccccccccccccccccccccccccccccccc 10.0.0.7 26379 @ cache 10.0.0.2 6379"}
       > reply call=2 reply=ok
       > connect link=10.0.0.7:26379#6 group=cache target=peer channel=command
# Neither does garbage, nor a group that we do not watch, nor our own words.
at 3ms requested call=3 request=hello{text="1,2,3"}
       > reply call=3 reply=ok
at 3ms requested call=4 request=hello{text="10.0.0.7,26379,dddddddddddddddddddddddddddddddddddddddd,9,other,10.0.0.1,6379,9"}
       > reply call=4 reply=ok
at 3ms requested call=5 request=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,9,cache,10.0.0.3,6379,9"}
       > reply call=5 reply=ok
