# Somebody deletes it: put back at once, then not more than once a second, and who does so again and again is told of.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] lifetime=5000ms follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}} other={interface=eth0 held=[10.0.0.101/24] put-back=false follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=other from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
at 10ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=other remove=[[eth0 10.0.0.101/24]] say=[]
       > put interface=eth0 address=10.0.0.101/24
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24 valid=5000ms
       > tickle address=other
       > changed address=other from=backup to=active priority=100 why="the agreed master of cache is on this host"
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
at 100ms gone interface=eth0 address=10.0.0.100/24
       > tell address=vip is-bad=false text="10.0.0.100/24 is gone from eth0, and not by an order of ours; it is put back (1 times since the last line)"
       > put interface=eth0 address=10.0.0.100/24 valid=5000ms
at 100ms gone interface=eth0 address=10.0.0.101/24
       > tell address=other is-bad=true text="10.0.0.101/24 is gone from eth0, and not by an order of ours; put-back is off, so it is left like that"
at 200ms gone interface=eth0 address=10.0.0.100/24
       > tickle address=other
       > tickle address=vip
until 1150ms
  at 310ms wake
         > tickle address=other
         > tickle address=vip
  at 610ms wake
         > tickle address=other
         > tickle address=vip
  at 1010ms wake
         > tickle address=other
         > tickle address=vip
  at 1100ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=5000ms
at 1200ms gone interface=eth0 address=10.0.0.100/24
until 2150ms
  at 2010ms wake
         > tickle address=other
         > tickle address=vip
  at 2100ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=5000ms
# Something was missed, so everything is compared: two are gone, and one is there that belongs to nobody.
at 2200ms listed interface=eth0 there=[10.0.0.1/24]
until 3150ms
  at 3100ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=5000ms
at 3200ms gone interface=eth0 address=10.0.0.100/24
       > tell address=vip is-bad=true text="10.0.0.100/24 is gone from eth0, and not by an order of ours, for the 5th time within a minute; it is put back, not more than once a second. Who else manages addresses here (another Keepalived, a network manager, a script)?"
until 4300ms
  at 4100ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=5000ms
at 4400ms viewed view={group=cache epoch=2 phase=steady master=10.0.0.2:6379 replicas=[]}
       > cut ips=[10.0.0.101]
       > remove interface=eth0 address=10.0.0.101/24
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=other remove=[] say=[]
       > changed address=other from=active to=backup priority=100 why="the agreed master of cache is 10.0.0.2:6379, which is not on this host"
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=backup priority=100 why="the agreed master of cache is 10.0.0.2:6379, which is not on this host"
at 4500ms listed interface=eth0 there=[10.0.0.1/24 10.0.0.100/24]
       > tell address=vip is-bad=true text="10.0.0.100/24 stood on eth0, where it must not be now, and was not put there by this node (1 times since the last line): two hosts would answer for it, so it is removed. Has a program that died left it (a Keepalived?), or does the network's configuration put it there? Then take it out of that"
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
